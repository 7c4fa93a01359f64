/**
 * This device's copy of one document: on disk, in memory, and as far as possible at the server.
 *
 *     loading --copy read--> open --PermissionDenied--> starting over --fresh document--> open
 *                              '--no access, deleted, signed out--> ended
 *
 * Invariants:
 * 1. An edit is on its way to disk before it is on its way to the server.
 * 2. `isSaved` is true only when the server has acknowledged every edit of this device as durable.
 * 3. A refused replica is never written to again: what it held unsaved is laid aside on disk first,
 *    then a fresh document takes its place (Yjs clocks are contiguous: its later edits would be gaps).
 */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Connection } from './connection'
import { DocumentProvider } from './document-provider'
import { Emitter } from './emitter'
import { type Refusal, readRefusal } from './refusals'
import type { Aside, Store } from './store'
import { covers, vectorOf } from './vectors'

export type Token = string | (() => string | Promise<string>)

export type IsUnsaved = (item: { client: number; clock: number }) => boolean

export interface ReplicaPorts {
  readonly connection: Connection
  readonly store: Store
  readonly token: Token
  /** Collects what a document that is thrown away holds unsaved. */
  readonly unsent: (doc: Y.Doc, isUnsaved: IsUnsaved, refusal: Refusal) => Aside[]
}

type Topic = 'document' | 'saved' | 'synced' | 'awareness' | 'ended'

export class Replica extends Emitter<Topic> {
  readonly name: string
  readonly whenLoaded: Promise<void>
  #doc = new Y.Doc()
  #awareness!: Awareness
  #presence: Record<string, unknown> | null = null
  #provider: DocumentProvider | undefined
  #acknowledged: Map<number, number> = new Map()
  #isSaved = true
  #ending: Refusal | undefined
  #isDestroyed = false
  #startsOver = 0
  #telling: ReturnType<typeof setTimeout> | undefined
  #stuck: ReturnType<typeof setTimeout> | undefined
  #waiting: ReturnType<typeof setTimeout> | undefined
  readonly #unlisten: () => void
  readonly #ports: ReplicaPorts

  constructor(name: string, ports: ReplicaPorts) {
    super()
    this.name = name
    this.#ports = ports
    this.#setAwareness()
    this.#listen()
    this.#unlisten = onPageShown(() => this.#awareness.setLocalState(this.#presence))
    this.whenLoaded = this.#load()
  }

  get doc(): Y.Doc {
    return this.#doc
  }

  get awareness(): Awareness {
    return this.#awareness
  }

  get isSaved(): boolean {
    return this.#isSaved
  }

  /** True once the server's state has arrived on the present connection. */
  get isSynced(): boolean {
    return this.#provider?.isSynced ?? false
  }

  get canWrite(): boolean {
    return !this.#ending && this.#provider?.authorizedScope !== 'readonly'
  }

  /** Why this document ended for this device. */
  get ending(): Refusal | undefined {
    return this.#ending
  }

  /** How often this replica was thrown away. */
  get startsOver(): number {
    return this.#startsOver
  }

  /** Tells whether the server has not yet acknowledged the item as durable. */
  isUnsaved(item: { client: number; clock: number }): boolean {
    return (this.#acknowledged.get(item.client) ?? 0) <= item.clock
  }

  /**
   * Applies edits of this device, in one update.
   * @throws Error if this device may only read, or the document has ended for it
   */
  change<T>(edit: (doc: Y.Doc) => T): T {
    if (!this.canWrite) throw new Error(this.#ending?.reason ?? READ_ONLY)
    return this.#doc.transact(() => edit(this.#doc), this)
  }

  /** What others see of this connection; told to them a few times a second at most, the latest always. */
  get presence(): Record<string, unknown> | null {
    return this.#presence
  }

  set presence(presence: Record<string, unknown> | null) {
    this.#presence = presence
    this.emit('awareness')
    if (this.#telling === undefined) this.#tellPresence()
  }

  /** Tries a document again that ended: the token is new, or access was given. */
  async retry(): Promise<void> {
    if (!this.#ending) return
    this.#ending = undefined
    this.#detach()
    this.#attach()
    this.emit('ended')
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#unlisten()
    clearTimeout(this.#waiting)
    clearTimeout(this.#telling)
    this.#detach()
    this.#awareness.destroy()
    this.#doc.destroy()
  }

  async #load(): Promise<void> {
    const doc = this.#doc
    try {
      const stored = await this.#ports.store.load(this.name)
      doc.transact(() => {
        for (const update of stored.updates) Y.applyUpdate(doc, update)
      }, STORED)
      forgetPending(doc)
      this.#acknowledged = vectorOf(stored.acknowledged)
      const isAhead = !covers(this.#acknowledged, vectorOf(Y.encodeStateVector(doc)))
      this.#setSaved(!stored.hasUnsaved && !isAhead)
    } catch {
      // A copy that can't be read is worth less than the server's.
      this.#renew()
      await this.#ports.store.startOver(this.name, []).catch(() => {})
    }
    if (!this.#isDestroyed) this.#attach()
  }

  #listen(): void {
    const doc = this.#doc
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === STORED) return
      const isLocal = origin !== this.#provider
      if (isLocal) this.#setSaved(false)
      this.#ports.store.append(this.name, update, isLocal, () => Y.encodeStateAsUpdate(doc))
    })
    // Before those are called who read a message, and ask whether it is unsaved.
    doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
      if (transaction.origin === this.#provider) this.#acknowledge(transaction)
    })
  }

  #tellPresence(): void {
    const told = this.#presence
    this.#awareness.setLocalState(told)
    this.#telling = setTimeout(() => {
      this.#telling = undefined
      if (this.#presence !== told) this.#tellPresence()
    }, TELL_MS)
  }

  /** What the server sends is durable, whichever device it is from. */
  #acknowledge({ beforeState, afterState }: Y.Transaction): void {
    for (const [client, clock] of afterState) {
      if (clock > (beforeState.get(client) ?? 0)) this.#acknowledged.set(client, clock)
    }
  }

  #attach(): void {
    const provider = new DocumentProvider({
      name: this.name,
      document: this.#doc,
      awareness: this.#awareness,
      websocketProvider: this.#ports.connection.socket,
      token: this.#ports.token as () => Promise<string>,
      onAuthenticationFailed: ({ reason }) => {
        if (provider === this.#provider) void this.#onDenied(reason)
      },
      onAuthenticated: () => this.#onAuthenticated(provider),
      onUnsyncedChanges: ({ number }) => this.#onUnsynced(provider, number),
      onSynced: () => this.emit('synced'),
    })
    provider.on('close', () => this.emit('synced'))
    this.#provider = provider
    this.#ports.connection.open()
    provider.attach()
  }

  #detach(): void {
    const provider = this.#provider
    this.#provider = undefined
    clearTimeout(this.#stuck)
    if (!provider) return
    provider.destroy() // and with it the awareness
    this.#setAwareness()
  }

  #setAwareness(): void {
    this.#awareness = new Awareness(this.#doc)
    this.#awareness.setLocalState(this.#presence)
    this.#awareness.on('change', () => this.emit('awareness'))
    this.emit('awareness')
  }

  #onUnsynced(provider: DocumentProvider, number: number): void {
    clearTimeout(this.#stuck)
    if (provider !== this.#provider) return
    if (number === 0) this.#settle()
    else this.#stuck = setTimeout(() => provider.recount(), STUCK_MS)
  }

  #settle(): void {
    const vector = Y.encodeStateVector(this.#doc)
    this.#acknowledged = vectorOf(vector)
    this.#ports.store.settle(this.name, vector)
    this.#setSaved(true)
    this.emit('saved') // also while saved before: single messages may have become so
  }

  #setSaved(isSaved: boolean): void {
    if (this.#isSaved === isSaved) return
    this.#isSaved = isSaved
    this.emit('saved')
  }

  #onAuthenticated(provider: DocumentProvider): void {
    if (provider !== this.#provider) return
    if (provider.authorizedScope === 'readonly' && !this.#isSaved) {
      // Edits from when this device might still write would be refused one by one, for ever.
      void this.#startOver({ code: 0, reason: READ_ONLY, action: 'stop' })
    }
    this.emit('ended')
  }

  async #onDenied(text: string): Promise<void> {
    if (text.startsWith(TOKEN_FAILED)) return this.#ports.connection.loseNetwork()
    const refusal = readRefusal(text)
    if (refusal.action === 'start-over') return this.#startOver(refusal)
    this.#detach()
    if (refusal.action === 'wait') this.#waiting = setTimeout(() => void this.retry(), WAIT_MS)
    if (refusal.action === 'wipe') {
      this.#renew()
      await this.#ports.store.startOver(this.name, []).catch(() => {})
    }
    this.#end(refusal)
  }

  async #startOver(refusal: Refusal): Promise<void> {
    this.#detach()
    this.#startsOver += 1
    const isUnsaved = (item: { client: number; clock: number }) => this.isUnsaved(item)
    const asides = this.#ports.unsent(this.#doc, isUnsaved, refusal)
    // In one turn: what a person types from here on goes to the fresh document, on disk as well.
    this.#renew()
    await this.#ports.store.startOver(this.name, asides).catch(() => {
      // The disk has the refused copy still, and the page's memory what was unsent.
    })
    if (this.#isDestroyed) return
    if (this.#startsOver > MOST_STARTS) this.#end({ ...refusal, action: 'stop' })
    else this.#attach()
  }

  #end(refusal: Refusal): void {
    this.#ending = refusal
    this.emit('ended')
  }

  /** Puts a fresh document in the old one's place, with a client id of its own. */
  #renew(): void {
    this.#awareness.destroy()
    this.#doc.destroy()
    this.#doc = new Y.Doc()
    this.#setAwareness()
    this.#acknowledged = new Map()
    this.#listen()
    this.#setSaved(true)
    this.emit('document')
  }
}

const STORED = Symbol('from the copy on disk')
const TOKEN_FAILED = 'Failed to get token'
const READ_ONLY = 'You may only read in this session. Ask its owner to write.'
const TELL_MS = 150 // a server takes ten a second
const STUCK_MS = 10_000
const WAIT_MS = 30_000
const MOST_STARTS = 20

/** A page that comes back from the browser's cache was told to have left. */
function onPageShown(callback: () => void): () => void {
  if (typeof window === 'undefined') return () => {}
  window.addEventListener('pageshow', callback)
  return () => window.removeEventListener('pageshow', callback)
}

/** Drops what a copy with a hole holds behind it: offered to the server it would be a gap. */
function forgetPending(doc: Y.Doc): void {
  doc.store.pendingStructs = null
  doc.store.pendingDs = null
}
