/**
 * Texts that a document did not take: collected before it is thrown away, offered again to the fresh
 * one. They are offered one at a time, so that the one that is refused again is known; that one is then
 * kept for the person, with the reason.
 */
import type * as Y from 'yjs'
import type { FilePart } from './files'
import { type Author, addMessage, filesOf, readMessage } from './messages'
import type { Refusal } from './refusals'
import type { IsUnsaved, Replica } from './replica'
import type { Aside, Store } from './store'
import { wellFormed } from './texts'

/** Of the server's default limit for one update some is left to what surrounds a text. */
export const MAX_MESSAGE_BYTES = 1_000_000

const TOO_LONG = 'It is too long for one message (1 MB). Copy it and send it in parts.'

export class Asides {
  #asides: readonly Aside[] = []
  #offered: Aside | undefined
  readonly #replica: Replica
  readonly #store: Store
  readonly #author: () => Author | undefined
  readonly #onChange: () => void

  constructor(
    replica: Replica,
    store: Store,
    author: () => Author | undefined,
    onChange: () => void,
  ) {
    this.#replica = replica
    this.#store = store
    this.#author = author
    this.#onChange = onChange
    replica.subscribe('synced', () => void this.#offer())
    replica.subscribe('saved', () => void this.#offer())
    void replica.whenLoaded.then(() => this.#reload()).then(() => this.#offer())
  }

  get list(): readonly Aside[] {
    return this.#asides
  }

  /** Takes notice of texts that were just laid aside. */
  add(asides: readonly Aside[]): void {
    const ids = new Set(asides.map(({ id }) => id))
    this.#set([...this.#asides.filter(({ id }) => !ids.has(id)), ...asides])
    this.#offered = undefined
  }

  /** Forgets one: the person has copied or given it up. */
  async drop(id: string): Promise<void> {
    this.#set(this.#asides.filter((aside) => aside.id !== id))
    await this.#store.dropAside(id).catch(() => {})
  }

  /** Forgets all: the session was deleted. */
  async dropAll(): Promise<void> {
    for (const { id } of this.#asides) await this.drop(id)
  }

  /**
   * Marks what is not to be offered again: all if the role is what stands in the way, and the one that
   * was being offered if it was alone, for then it is what the server refused.
   */
  blame(collected: readonly Aside[], { reason, action }: Refusal): readonly Aside[] {
    if (action === 'stop') return collected.map((aside) => ({ ...aside, refused: reason }))
    const [only] = collected
    if (collected.length !== 1 || only?.id !== this.#offered?.id || !only) return collected
    return [{ ...only, refused: reason }]
  }

  async #reload(): Promise<void> {
    const kept = await this.#store.asides(this.#replica.name).catch(() => [])
    if (kept.length > 0) this.add(kept)
  }

  async #offer(): Promise<void> {
    const author = this.#author()
    if (!author || !this.#replica.isSynced || !this.#replica.isSaved) return
    if (this.#offered) await this.drop(this.#offered.id)
    this.#offered = undefined
    const next = this.#asides.find(({ refused }) => refused === undefined)
    if (!next || !this.#replica.canWrite) return
    const problem = problemOf(next)
    if (problem) return this.#keep({ ...next, refused: problem })
    this.#offered = next
    this.#replica.change((doc) => {
      if (!doc.getMap('messages').has(next.id)) addMessage(doc, { ...next, author })
    })
    if (this.#replica.isSaved) await this.#offer() // it was there already: nothing changed
  }

  async #keep(aside: Aside): Promise<void> {
    this.#set(this.#asides.map((each) => (each.id === aside.id ? aside : each)))
    await this.#store.layAside([aside]).catch(() => {})
    await this.#offer()
  }

  #set(asides: readonly Aside[]): void {
    this.#asides = asides
    this.#onChange()
  }
}

function problemOf(aside: Aside): string | undefined {
  if (wellFormed(aside.text) !== aside.text)
    return 'It holds half a character. Copy it and send it anew.'
  return new TextEncoder().encode(aside.text).length > MAX_MESSAGE_BYTES ? TOO_LONG : undefined
}

/**
 * Does nothing for what can be a message.
 * @throws Error that says why it can't
 */
export function checkSendable(text: string, files: readonly FilePart[] = []): void {
  if (text.trim() === '' && files.length === 0) throw new Error('There is nothing to send.')
  if (new TextEncoder().encode(text).length > MAX_MESSAGE_BYTES) {
    throw new Error(
      'The message is too long: over 1 MB. Send it in parts, or put it into a document.',
    )
  }
}

/** Gives a user's messages that the server has not acknowledged, as they are laid aside. */
export function unsentMessages(
  doc: Y.Doc,
  isUnsaved: IsUnsaved,
  user: string,
  document: string,
): Aside[] {
  const map = doc.getMap<unknown>('messages')
  return [...map.keys()].flatMap((id) => {
    const item = map._map.get(id)
    const message = readMessage(id, map.get(id), true)
    const isUnsent = item && isUnsaved(item.id) && message?.author.id === user
    if (!isUnsent || message.seq !== undefined) return []
    const { text, createdAt, supersedes } = message
    const files = filesOf(message)
    if (text === '' && files.length === 0) return []
    const more = {
      ...(files.length > 0 && { files }),
      ...(supersedes !== undefined && { supersedes }),
    }
    return [{ id, document, text, createdAt, ...more }]
  })
}

/** Tells whether a text holds anything that the server has not acknowledged. */
export function hasUnsavedText(text: Y.Text, isUnsaved: IsUnsaved): boolean {
  for (let item = text._start; item; item = item.right) {
    const last = { client: item.id.client, clock: item.id.clock + item.length - 1 }
    if (!item.deleted && isUnsaved(last)) return true
  }
  return false
}
