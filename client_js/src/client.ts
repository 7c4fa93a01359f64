import { Connection, type Status, type WebSocketClass } from './connection'
import { type Device, thisDevice } from './device'
import { Emitter } from './emitter'
import { Home } from './home'
import { Http } from './http'
import type { Author } from './messages'
import type { Presence } from './presence'
import type { Refusal } from './refusals'
import type { Token } from './replica'
import { Session } from './session'
import { DeferredStore, MemoryStore, openStore, type Store, type StoreState } from './store'
import { type Identity, readToken } from './token'

export interface ClientOptions {
  /** Address of the server, as in `https://segue.example`. */
  readonly url: string
  /** A token, or what gives a fresh one whenever it is called. */
  readonly token: Token
  /** What this device is called by others; by default it is found out and remembered. */
  readonly device?: Partial<Device>
  /** For Node before version 22. */
  readonly WebSocket?: WebSocketClass
  /** Where unsent edits are kept; by default in IndexedDB, where there is one. */
  readonly store?: Store
}

/** One device of a user: its socket, its stored copies, and the sessions that it is in. */
export class Client extends Emitter<'status' | 'identity'> {
  readonly device: Device
  readonly http: Http
  /** Settles once it is known for whom the token speaks. */
  readonly ready: Promise<Identity>
  readonly #token: Token
  readonly #connection: Connection
  readonly #store: Store
  readonly #sessions = new Map<string, { session: Session; users: number }>()
  #identity: Identity | undefined
  #home: Home | undefined

  constructor(options: ClientOptions) {
    super()
    const { origin, socket } = addressesOf(options.url)
    this.#token = options.token
    this.device = thisDevice(options.device)
    this.ready = this.#identify(options.token)
    this.ready.catch(() => {}) // told by whatever needs it
    this.#store = options.store ?? new DeferredStore(this.#openStore(origin))
    this.#connection = new Connection(socket, options.WebSocket)
    this.http = new Http(origin, options.token, () => this.#connection.isCut)
    this.#connection.subscribe('status', () => this.emit('status'))
    this.#store.onTrouble(() => this.emit('status'))
  }

  get identity(): Identity | undefined {
    return this.#identity
  }

  /** Sessions list, drafts and profile of the user. */
  get home(): Home {
    this.#home ??= new Home({
      connection: this.#connection,
      store: this.#store,
      token: this.#token,
      user: () => this.#identity?.user ?? '',
      device: this.device.id,
    })
    return this.#home
  }

  /** Where unsent edits are kept, and if not on disk, why. */
  get storage(): StoreState {
    return this.#store.state
  }

  /** Why the server wants this client no more. */
  get failure(): Refusal | undefined {
    return this.#connection.failure
  }

  getStatus(): Status {
    return this.#connection.status
  }

  /** Joins a session, or gives the one joined already; as many times it has to be left. */
  enterSession(id: string): Session {
    const known = this.#sessions.get(id)
    if (known) {
      known.users += 1
      return known.session
    }
    const session = new Session(id, {
      connection: this.#connection,
      store: this.#store,
      token: this.#token,
      http: this.http,
      author: () => this.#author(),
      ready: this.ready,
      presence: this.#presence(),
    })
    this.#sessions.set(id, { session, users: 1 })
    // With a token that comes later, it is known only then who is here.
    if (!this.#identity) {
      void this.ready.then(() => session.updatePresence(this.#presence() ?? {})).catch(() => {})
    }
    return session
  }

  leaveSession(id: string): void {
    const known = this.#sessions.get(id)
    if (!known) return
    known.users -= 1
    if (known.users > 0) return
    this.#sessions.delete(id)
    known.session.leave()
  }

  /** Cuts this client's network, or gives it back. */
  cutNetwork(cut: boolean): void {
    this.#connection.cut(cut)
  }

  /** Connects now instead of after the next wait. */
  reconnect(): void {
    this.#connection.connect()
  }

  /** True when nothing of this device waits for the server. */
  get isSaved(): boolean {
    const sessions = [...this.#sessions.values()]
    const home = this.#home?.isSaved ?? true
    return home && sessions.every(({ session }) => session.getSyncStatus() === 'synchronized')
  }

  /** Returns when all edits so far are on this device's disk, or known not to be. */
  kept(): Promise<void> {
    return this.#store.flushed()
  }

  /** Removes everything that this device keeps of the user; the client is of no use afterwards. */
  async forget(): Promise<void> {
    this.destroy()
    await this.#store.wipeAll()
    this.#store.close()
  }

  /** Ends connection and sessions; what is unsent stays on disk. */
  destroy(): void {
    for (const { session } of this.#sessions.values()) session.leave()
    this.#sessions.clear()
    this.#home?.destroy()
    this.#connection.destroy()
  }

  async #identify(token: Token): Promise<Identity> {
    // At once where the token is at hand, so that what is typed in the first moment has its author.
    this.#identity = readToken(typeof token === 'string' ? token : await token())
    this.emit('identity')
    return this.#identity
  }

  async #openStore(origin: string): Promise<Store> {
    try {
      const { user } = await this.ready
      return await openStore(`${origin} ${user} ${this.device.id}`)
    } catch {
      return new MemoryStore('It is not known yet who you are.')
    }
  }

  #author(): Author | undefined {
    const identity = this.#identity
    if (!identity) return undefined
    return { kind: 'user', id: identity.user, name: identity.name, device: this.device.id }
  }

  #presence(): Presence | undefined {
    const identity = this.#identity
    if (!identity) return undefined
    const { id, label, kind } = this.device
    const user = { id: identity.user, name: identity.name }
    return { user, device: id, label, kind, typing: false }
  }
}

/** Connects a device to a server. */
export function createClient(options: ClientOptions): Client {
  return new Client(options)
}

function addressesOf(url: string): { origin: string; socket: string } {
  const origin = url.replace(/\/+$/, '').replace(/^ws/, 'http')
  return { origin, socket: `${origin.replace(/^http/, 'ws')}/v1/collab` }
}
