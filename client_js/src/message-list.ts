import type * as Y from 'yjs'
import { historyOf } from './history'
import type { StoredMessage } from './http'
import { type Message, readMessage, readStoredMessage } from './messages'
import type { Replica } from './replica'

/** The messages of a session as frozen values; only what changed is read anew. */
export class MessageList {
  readonly #messages = new Map<string, Message>()
  #history: readonly Message[] | undefined
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
      this.#changed()
    })
    replica.subscribe('saved', () => this.refresh())
  }

  /** The conversation, oldest first; the same array until something changes. */
  get history(): readonly Message[] {
    this.#history ??= historyOf(this.#messages, this.#head())
    return this.#history
  }

  get all(): ReadonlyMap<string, Message> {
    return this.#messages
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
    if (older.length > 0) this.#changed()
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
    this.#replica.doc.getMap('session').observe(() => this.#changed())
    return map
  }

  #read(id: string, map = this.#map): void {
    const message = readMessage(id, map.get(id), this.#isUnsaved(id, map))
    if (message) this.#messages.set(id, message)
    else this.#messages.delete(id)
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

  #changed(): void {
    this.#history = undefined
    this.#onChange()
  }
}
