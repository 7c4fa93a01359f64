import type * as Y from 'yjs'
import { hasUnsavedText } from './asides'
import type { Connection } from './connection'
import { Emitter } from './emitter'
import { type Entry, putEntry, readEntries } from './entries'
import { type IsUnsaved, Replica, type Token } from './replica'
import type { Aside, Store } from './store'
import { updateText } from './texts'

export interface Listed {
  readonly id: string
  readonly title: string
  /** Milliseconds since 1970. */
  readonly lastActivity: number
  readonly role: string
  readonly unread: number
}

export interface HomePorts {
  readonly connection: Connection
  readonly store: Store
  readonly token: Token
  readonly user: () => string
  readonly device: string
}

/** The user's private document, the same on all their devices: conversations, drafts, profile. */
export class Home extends Emitter<'sessions' | 'profile' | 'drafts' | 'status'> {
  readonly #replica: Replica
  readonly #user: () => string
  readonly #device: string
  readonly #store: Store
  #sessions: readonly Listed[] | undefined
  #profile: readonly Entry[] | undefined

  constructor(ports: HomePorts) {
    super()
    this.#user = ports.user
    this.#device = ports.device
    this.#store = ports.store
    this.#replica = new Replica('home', {
      ...ports,
      unsent: (doc, isUnsaved) => unsentDrafts(doc, isUnsaved),
    })
    this.#replica.subscribe('synced', () => void this.#restoreDrafts())
    this.#bind()
    this.#replica.subscribe('document', () => this.#bind())
    for (const topic of ['saved', 'synced', 'ended'] as const) {
      this.#replica.subscribe(topic, () => this.emit('status'))
    }
  }

  get whenLoaded(): Promise<void> {
    return this.#replica.whenLoaded
  }

  /** True when nothing waits for the server, which keeps no home for a guest. */
  get isSaved(): boolean {
    return this.#replica.isSaved || this.#replica.ending !== undefined
  }

  get isSynced(): boolean {
    return this.#replica.isSynced
  }

  /** One's conversations, the latest first. */
  get sessions(): readonly Listed[] {
    this.#sessions ??= this.#readSessions()
    return this.#sessions
  }

  get profile(): readonly Entry[] {
    this.#profile ??= readEntries(this.#replica.doc.getMap('profile'), Date.now())
    return this.#profile
  }

  setProfile(key: string, value: unknown): void {
    this.#replica.change((doc) => putEntry(doc.getMap('profile'), key, value, this.#user()))
  }

  removeProfile(key: string): void {
    this.#replica.change((doc) => doc.getMap('profile').delete(key))
  }

  /** The half-typed text in a session, shared by all devices of the user. */
  draft(session: string): Y.Text {
    return this.#replica.doc.getText(`draft:${session}`)
  }

  /** Up to which `seq` any device of the user has shown a session. */
  readUpTo(session: string): number {
    return highestRead(this.#replica.doc.getMap('read')).get(session) ?? 0
  }

  /** Notes that this device has shown a session up to `seq`. Markers only grow. */
  markRead(session: string, seq: number): void {
    if (!this.#replica.canWrite) return // a guest has no home to keep it in
    const key = `${session}/${this.#device}`
    const read = this.#replica.doc.getMap('read')
    const known = read.get(key)
    if (typeof known === 'number' && known >= seq) return
    this.#replica.change(() => read.set(key, seq))
  }

  destroy(): void {
    this.#replica.destroy()
  }

  #bind(): void {
    const doc = this.#replica.doc
    doc.getMap('sessions').observeDeep(() => this.#sessionsChanged())
    doc.getMap('read').observe(() => this.#sessionsChanged())
    doc.getMap('profile').observeDeep(() => {
      this.#profile = undefined
      this.emit('profile')
    })
    this.#profile = undefined
    this.#sessionsChanged()
    this.emit('profile')
    this.emit('drafts')
  }

  /** Puts half-typed texts back that a home held which had to start over. */
  async #restoreDrafts(): Promise<void> {
    if (!this.#replica.isSynced || this.#replica.startsOver > 1) return // what is refused twice stays aside
    for (const { id, text } of await this.#store.asides('home')) {
      const draft = this.#replica.doc.getText(id.slice(ASIDE.length))
      if (!draft.toString().includes(text)) updateText(draft, draft.toString() + text)
      await this.#store.dropAside(id)
    }
  }

  #sessionsChanged(): void {
    this.#sessions = undefined
    this.emit('sessions')
  }

  #readSessions(): readonly Listed[] {
    const doc = this.#replica.doc
    const read = highestRead(doc.getMap('read'))
    return [...doc.getMap<unknown>('sessions').entries()]
      .map(([id, about]) => readListed(id, about, read.get(id) ?? 0))
      .sort((one, other) => other.lastActivity - one.lastActivity)
  }
}

const ASIDE = 'home '

function unsentDrafts(doc: Y.Doc, isUnsaved: IsUnsaved): Aside[] {
  return [...doc.share.keys()]
    .filter((root) => root.startsWith('draft:'))
    .map((root) => ({ root, text: doc.getText(root) }))
    .filter(({ text }) => hasUnsavedText(text, isUnsaved))
    .map(({ root, text }) => ({
      id: ASIDE + root,
      document: 'home',
      text: text.toString(),
      createdAt: Date.now(),
    }))
}

function highestRead(map: Y.Map<unknown>): Map<string, number> {
  const highest = new Map<string, number>()
  for (const [key, seq] of map.entries()) {
    const session = key.slice(0, key.indexOf('/'))
    if (typeof seq === 'number' && seq > (highest.get(session) ?? 0)) highest.set(session, seq)
  }
  return highest
}

function readListed(id: string, about: unknown, read: number): Listed {
  const { title, last_activity, seq, role } = (
    typeof about === 'object' && about ? about : {}
  ) as Record<string, unknown>
  return {
    id,
    title: typeof title === 'string' ? title.slice(0, 200) : '',
    lastActivity: typeof last_activity === 'number' ? last_activity : 0,
    role: typeof role === 'string' ? role : '',
    unread: typeof seq === 'number' ? Math.max(0, seq - read) : 0,
  }
}
