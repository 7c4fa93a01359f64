import type { Message } from './messages'

/**
 * Gives the conversation as everyone sees it, oldest first: the path from `head` to the root, then what
 * the server has not placed yet, by the time of its ids.
 */
export function historyOf(
  messages: ReadonlyMap<string, Message>,
  head: string | undefined,
): readonly Message[] {
  const unplaced = [...messages.values()].filter(({ seq }) => seq === undefined).sort(byId)
  return [...pathTo(messages, head ?? newest(messages)), ...unplaced]
}

function pathTo(messages: ReadonlyMap<string, Message>, head: string | undefined): Message[] {
  const path: Message[] = []
  const seen = new Set<string>() // a stranger's `parent` may lead in circles
  for (let id = head; id !== undefined && !seen.has(id); ) {
    seen.add(id)
    const message = messages.get(id)
    if (!message) break
    if (message.seq !== undefined) path.push(message)
    id = message.parent ?? undefined
  }
  return path.reverse()
}

function newest(messages: ReadonlyMap<string, Message>): string | undefined {
  let best: Message | undefined
  for (const message of messages.values()) {
    if (message.seq !== undefined && message.seq > (best?.seq ?? -1)) best = message
  }
  return best?.id
}

/** Gives the ids of the messages below each parent, oldest first: they are versions of each other. */
export function versionsIn(
  messages: ReadonlyMap<string, Message>,
): ReadonlyMap<string | null, readonly string[]> {
  const placed = [...messages.values()].filter(({ seq }) => seq !== undefined)
  const below = new Map<string | null, string[]>()
  for (const { id, parent } of placed.sort((one, other) => (one.seq ?? 0) - (other.seq ?? 0))) {
    const ids = below.get(parent ?? null) ?? []
    below.set(parent ?? null, ids)
    ids.push(id)
  }
  return below
}

function byId(one: Message, other: Message): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}
