import type * as Y from 'yjs'
import { historyOf, versionsIn } from './history'
import type { StoredMessage } from './http'
import { type Message, readMessage, readStoredMessage } from './messages'
import type { Replica } from './replica'

/** The messages of a session as frozen values; only what changed is read anew. */
export class MessageList {
  readonly #messages = new Map<string, Message>()
  #history: readonly Message[] | undefined
  /** Ids as `#history` shows them, and by parent; words that stream in leave both as they are. */
  #path: readonly string[] | undefined
  #versions: ReadonlyMap<string | null, readonly string[]> | undefined
  #map: Y.Map<unknown>
  readonly #replica: Replica
  readonly #user: () => string
  readonly #onChange: () => void

  constructor(replica: Replica, user: () => string, onChange: () => void) {
    this.#replica = replica
    this.#user = user
    this.#onChange = onChange
    this.#map = this.#bind()
    replica.subscribe('document', () => {
      this.#map = this.#bind()
      this.#moved()
    })
    replica.subscribe('saved', () => this.refresh())
  }

  /** The conversation, oldest first; the same array until something changes. */
  get history(): readonly Message[] {
    this.#path ??= historyOf(this.#messages, this.#head()).map(({ id }) => id)
    this.#history ??= this.#path.flatMap((id) => this.#messages.get(id) ?? [])
    return this.#history
  }

  /** Gives all messages in a message's place, itself included, oldest first. */
  versionsOf(id: string): readonly Message[] {
    this.#versions ??= versionsIn(this.#messages)
    const message = this.#messages.get(id)
    if (message?.seq === undefined) return []
    const ids = this.#versions.get(message.parent ?? null) ?? []
    return ids.flatMap((each) => this.#messages.get(each) ?? [])
  }

  /** How many of the user's messages the server has not acknowledged. */
  get waiting(): number {
    let count = 0
    for (const message of this.#messages.values()) if (message.status === 'sending') count++
    return count
  }

  /** Takes messages that the document no longer holds; tells whether any was new. */
  addOlder(stored: readonly StoredMessage[]): boolean {
    const found = stored.flatMap((each) => readStoredMessage(each) ?? [])
    const older = found.filter(({ id }) => !this.#messages.has(id))
    for (const message of older) this.#messages.set(message.id, message)
    if (older.length > 0) this.#moved()
    return older.length > 0
  }

  /** Reads the messages again whose status hangs on what was acknowledged. */
  refresh(): void {
    const sending = [...this.#messages.values()].filter(({ status }) => status === 'sending')
    if (sending.length === 0) return
    for (const { id } of sending) this.#read(id)
    this.#changed()
  }

  #bind(): Y.Map<unknown> {
    const map = this.#replica.doc.getMap<unknown>('messages')
    this.#messages.clear()
    for (const id of map.keys()) this.#read(id, map)
    map.observeDeep((events) => {
      for (const event of events) {
        const [id] = event.path
        if (typeof id === 'string') this.#read(id, map)
        else for (const key of event.keys.keys()) this.#read(key, map)
      }
      this.#changed()
    })
    this.#replica.doc.getMap('session').observe(() => this.#moved())
    return map
  }

  #read(id: string, map = this.#map): void {
    const before = this.#messages.get(id)
    const message = readMessage(id, map.get(id), this.#isUnsaved(id, map))
    if (message) this.#messages.set(id, message)
    else this.#messages.delete(id)
    if (before?.seq === message?.seq && before?.parent === message?.parent && before && message)
      return
    this.#path = undefined
    this.#versions = undefined
  }

  #isUnsaved(id: string, map: Y.Map<unknown>): boolean {
    const item = map._map.get(id)
    if (!item || !this.#replica.isUnsaved(item.id)) return false
    const message = readMessage(id, map.get(id), true)
    return message?.author.id === this.#user() && message.seq === undefined
  }

  #head(): string | undefined {
    const head = this.#replica.doc.getMap('session').get('head')
    return typeof head === 'string' ? head : undefined
  }

  #moved(): void {
    this.#path = undefined
    this.#versions = undefined
    this.#changed()
  }

  #changed(): void {
    this.#history = undefined
    this.#onChange()
  }
}
