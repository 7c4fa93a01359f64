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

/** Gives all messages in a message's place, itself included, oldest first; none before it has a place. */
export function versionsOf(messages: ReadonlyMap<string, Message>, id: string): readonly Message[] {
  const message = messages.get(id)
  if (message?.seq === undefined) return []
  return [...messages.values()]
    .filter(({ seq, parent }) => seq !== undefined && parent === message.parent)
    .sort((one, other) => (one.seq ?? 0) - (other.seq ?? 0))
}

function byId(one: Message, other: Message): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}
