import type * as Y from 'yjs'
import { Artifacts } from './artifacts'
import { Asides, checkSendable, hasUnsavedText, unsentMessages } from './asides'
import type { Connection, Status } from './connection'
import { Emitter } from './emitter'
import { type Entry, putEntry, readEntries } from './entries'
import { type FilePart, type UploadOptions, untilSynced } from './files'
import type { Http } from './http'
import { newId } from './ids'
import { MessageList } from './message-list'
import { type Author, addMessage, type Message } from './messages'
import { type Other, othersIn, type Presence, readPresence } from './presence'
import type { Refusal } from './refusals'
import { type IsUnsaved, Replica, type Token } from './replica'
import { type Run, readRuns } from './runs'
import { type SaveState, saveState } from './save-state'
import { giveBack, handOver, type Responder, readResponder, type WhileRunning } from './settings'
import type { Aside, Store } from './store'
import { wellFormed } from './texts'

export type SessionTopic =
  | 'messages'
  | 'others'
  | 'presence'
  | 'status'
  | 'context'
  | 'artifacts'
  | 'info'
  | 'asides'

export interface SessionPorts {
  readonly connection: Connection
  readonly store: Store
  readonly token: Token
  readonly http: Http
  readonly author: () => Author | undefined
  readonly ready: Promise<unknown>
  readonly presence: Presence | undefined
}

export interface SendOptions {
  /** The message of which this is another version. */
  readonly supersedes?: string
  /** Files of this session, as `uploadFile` gave them. */
  readonly files?: readonly FilePart[]
  /** What it does while an answer is being written; otherwise what the session's settings say. */
  readonly whileRunning?: WhileRunning
}

const MAX_TITLE_LENGTH = 200

/** A conversation that this client is in, live. Values are frozen, and stay the same until they change. */
export class Session extends Emitter<SessionTopic> {
  readonly id: string
  readonly artifacts: Artifacts
  readonly #replica: Replica
  readonly #ports: SessionPorts
  readonly #messages: MessageList
  readonly #asides: Asides
  #others: readonly Other[] | undefined
  #context: readonly Entry[] | undefined
  #runs: readonly Run[] | undefined
  #responder: Responder | undefined
  #saveState: SaveState | undefined
  readonly #ends: (() => void)[] = []

  constructor(id: string, ports: SessionPorts) {
    super()
    this.id = id
    this.#ports = ports
    const replica = new Replica(id, {
      ...ports,
      unsent: (doc, isUnsaved, refusal) => this.#unsent(doc, isUnsaved, refusal),
    })
    this.#replica = replica
    this.#messages = new MessageList(replica, () => ports.author()?.id ?? '', this.#onMessages)
    this.#asides = new Asides(replica, ports.store, ports.author, () => this.emit('asides'))
    this.artifacts = new Artifacts(replica, () => this.emit('artifacts'))
    if (ports.presence) replica.presence = { ...ports.presence }
    this.#follow()
  }

  /** The conversation as everyone sees it, oldest first; what isn't placed yet comes last. */
  get messages(): readonly Message[] {
    return this.#messages.history
  }

  /** The session's Yjs document; another one after the session had to start over. */
  get doc(): Y.Doc {
    return this.#replica.doc
  }

  get title(): string {
    const title = this.#replica.doc.getMap('session').get('title')
    return typeof title === 'string' ? title.slice(0, MAX_TITLE_LENGTH) : ''
  }

  get context(): readonly Entry[] {
    this.#context ??= readEntries(this.doc.getMap('context'), Date.now())
    return this.#context
  }

  get runs(): readonly Run[] {
    this.#runs ??= readRuns(this.doc.getMap('runs'))
    return this.#runs
  }

  /** Who answers what people say. */
  get responder(): Responder {
    this.#responder ??= readResponder(this.doc, this.messages)
    return this.#responder
  }

  /** Texts that the server refused or that had to be offered anew. */
  get asides(): readonly Aside[] {
    return this.#asides.list
  }

  get canWrite(): boolean {
    return this.#replica.canWrite
  }

  /** True once the server's state has arrived on this connection. */
  get isSynced(): boolean {
    return this.#replica.isSynced
  }

  /** Why the session ended for this device. */
  get ending(): Refusal | undefined {
    return this.#replica.ending ?? this.#ports.connection.failure
  }

  getStatus(): Status {
    return this.#replica.ending ? 'disconnected' : this.#ports.connection.status
  }

  /** `synchronized`: every edit of this device is durable at the server. */
  getSyncStatus(): 'synchronizing' | 'synchronized' {
    return this.#replica.isSaved ? 'synchronized' : 'synchronizing'
  }

  /** What to tell a person: is all saved, how many messages wait, why, and what to do. */
  getSaveState(): SaveState {
    this.#saveState ??= saveState({
      status: this.getStatus(),
      isSaved: this.#replica.isSaved,
      waiting: this.#messages.waiting,
      isCut: this.#ports.connection.isCut,
      failures: this.#ports.connection.failures,
      hasNetwork: typeof navigator === 'undefined' || navigator.onLine !== false,
      ending: this.ending,
      store: this.#ports.store.state,
      lastReason: this.#ports.connection.lastReason,
    })
    return this.#saveState
  }

  /** Everyone else who is here: one entry a connection. */
  getOthers(): readonly Other[] {
    const { awareness } = this.#replica
    this.#others ??= othersIn(awareness.getStates(), awareness.clientID)
    return this.#others
  }

  getPresence(): Presence | undefined {
    return readPresence(this.#replica.presence)
  }

  /** Changes what others see of this connection. */
  updatePresence(change: Partial<Presence>): void {
    this.#replica.presence = { ...this.#replica.presence, ...change }
  }

  /**
   * Adds a message of the user. It is kept on this device at once and sent as soon as possible.
   * @returns its id
   * @throws Error if the user may only read, or the text is too long or empty
   */
  async sendMessage(text: string, options: SendOptions = {}): Promise<string> {
    await this.#ports.ready
    await this.#replica.whenLoaded
    const author = this.#ports.author()
    checkSendable(text, options.files)
    if (!author) throw new Error('It is not known yet who you are. Sign in first.')
    const id = newId()
    this.#replica.change((doc) =>
      addMessage(doc, { id, author, text: wellFormed(text), createdAt: Date.now(), ...options }),
    )
    return id
  }

  /**
   * Adds a file to the session, for a message that is sent later. It goes at once, and needs a connection.
   * @returns it as `sendMessage` takes it in `files`
   * @throws HttpError that says why not: no connection, too large, only reading
   */
  async uploadFile(file: Blob, options: UploadOptions = {}): Promise<FilePart> {
    await untilSynced(this)
    return this.#ports.http.files.add(this.id, file, options)
  }

  /** Gives the bytes of a file that a message names; of no type, for what others wrote is theirs to say. */
  readFile(ref: string, signal?: AbortSignal): Promise<Blob> {
    return this.#ports.http.files.read(this.id, ref, signal)
  }

  /**
   * Stops the answer that is being written, or what waits to be answered, from any device.
   * @param target a run or its answer, if only that is meant
   */
  stop(target?: string): void {
    const open = this.runs.filter(({ isOpen }) => isOpen)
    const active = open.filter(({ status }) => status !== 'queued')
    const targets = target ? [target] : (active.length > 0 ? active : open).map(({ id }) => id)
    for (const each of targets) this.request('stop', each)
  }

  /** Has an answer go on that was stopped or cut off. */
  resume(answer: string): void {
    this.request('resume', answer)
  }

  /** Has this person answer instead of the agent: it stops, and what waited for it waits no more. */
  takeOver(): void {
    const author = this.#ports.author()
    if (!author) throw new Error('It is not known yet who you are. Sign in first.')
    this.#replica.change((doc) => handOver(doc, author))
    if (this.runs.some(({ isOpen }) => isOpen)) this.request('stop', 'session')
  }

  /** Has the agent answer again; what was said meanwhile it reads, and doesn't answer. */
  giveBack(): void {
    this.#replica.change(giveBack)
  }

  /** Says yes or no to a tool call that asks; of several devices the first one counts. */
  approve(call: string, approved: boolean): void {
    this.request('approve', call, { approved })
  }

  /** Gives the result of a tool call that waits for a person. */
  giveOutput(call: string, output: unknown): void {
    this.request('tool_output', call, { output })
  }

  /** Has an answer written anew, as another version of it. */
  regenerate(answer: string): void {
    this.request('regenerate', answer)
  }

  /** Takes back an own message that nobody has answered. */
  withdraw(message: string): void {
    this.request('withdraw', message)
  }

  /** Makes the version with that message the one that everyone sees. */
  switchTo(message: string): void {
    this.request('switch', message)
  }

  /** Gives all versions of a message, itself included, oldest first. */
  versionsOf(message: string): readonly Message[] {
    return this.#messages.versionsOf(message)
  }

  /** Asks the server for something that isn't a device's to write; it answers in the same place. */
  request(kind: string, target: string, value?: unknown): void {
    const by = this.#ports.author()?.id ?? ''
    const entry = { kind, target, by, ...(value !== undefined && { value }) }
    this.#replica.change((doc) => doc.getMap('requests').set(newId(), entry))
  }

  rename(title: string): void {
    this.#replica.change((doc) =>
      doc.getMap('session').set('title', wellFormed(title.slice(0, MAX_TITLE_LENGTH))),
    )
  }

  /** Writes what the assistant knows; a person's correction takes the place of what was there. */
  setContext(key: string, value: unknown): void {
    const by = this.#ports.author()?.id ?? ''
    this.#replica.change((doc) => putEntry(doc.getMap('context'), key, value, by))
  }

  removeContext(key: string): void {
    this.#replica.change((doc) => doc.getMap('context').delete(key))
  }

  /** Forgets a text that was laid aside. */
  async dropAside(id: string): Promise<void> {
    await this.#asides.drop(id)
  }

  /**
   * Fetches messages from before the first that is shown, where the document holds only the recent part.
   * @returns false when there are none
   */
  async loadOlder(limit = 50): Promise<boolean> {
    const [first] = this.messages
    if (first?.seq === undefined || !first.parent) return false
    return this.#messages.addOlder(await this.#ports.http.messages(this.id, first.seq, limit))
  }

  /** Tries again what was refused: with a new token, or after access was given. */
  retry(): void {
    this.#ports.connection.connect()
    void this.#replica.retry()
  }

  /** Leaves; what is unsent stays on disk and is sent the next time. */
  leave(): void {
    for (const end of this.#ends) end()
    this.#replica.destroy()
  }

  #follow(): void {
    const { connection, store } = this.#ports
    this.#bind()
    this.#replica.subscribe('document', () => this.#bind())
    for (const topic of ['saved', 'synced', 'ended'] as const) {
      this.#replica.subscribe(topic, () => this.#statusChanged())
    }
    this.#replica.subscribe('ended', () => {
      if (this.#replica.ending?.action === 'wipe') void this.#asides.dropAll()
    })
    this.#replica.subscribe('awareness', () => this.#presenceChanged())
    this.#ends.push(connection.subscribe('status', () => this.#statusChanged()))
    store.onTrouble(() => this.#statusChanged())
  }

  #bind(): void {
    const doc = this.doc
    doc.getMap('context').observeDeep(() => this.#contextChanged())
    doc.getMap('runs').observeDeep(() => this.#runsChanged())
    doc.getMap('session').observeDeep(() => this.#infoChanged())
    this.#contextChanged()
    this.#runsChanged()
    this.#infoChanged()
  }

  #infoChanged(): void {
    this.#responder = undefined
    this.emit('info')
  }

  #contextChanged(): void {
    this.#context = undefined
    this.emit('context')
  }

  #runsChanged(): void {
    this.#runs = undefined
    this.emit('messages')
  }

  #presenceChanged(): void {
    this.#others = undefined
    this.emit('others')
    this.emit('presence')
  }

  #statusChanged(): void {
    this.#saveState = undefined
    this.emit('status')
  }

  // A field, for the list calls it while the session is being built.
  readonly #onMessages = (): void => {
    this.#saveState = undefined
    if (this.#responder?.kind === 'person') this.#infoChanged()
    this.emit('messages')
    this.emit('status')
  }

  #unsent(doc: Y.Doc, isUnsaved: IsUnsaved, refusal: Refusal): Aside[] {
    const user = this.#ports.author()?.id ?? ''
    const messages = unsentMessages(doc, isUnsaved, user, this.id)
    const collected = [
      ...this.#asides.blame(messages, refusal),
      ...this.#unsentArtifacts(doc, isUnsaved),
    ]
    this.#asides.add(collected)
    return collected
  }

  /** Others may have changed the text since: it is for the person to say what of it is still wanted. */
  #unsentArtifacts(doc: Y.Doc, isUnsaved: IsUnsaved): Aside[] {
    return this.artifacts
      .names(doc)
      .map((name) => ({ name, text: doc.getText(`artifact:${name}`) }))
      .filter(({ text }) => hasUnsavedText(text, isUnsaved))
      .map(({ name, text }) => ({
        id: `${this.id} artifact:${name}`,
        document: this.id,
        text: text.toString(),
        createdAt: Date.now(),
        refused: `Your edits of "${name}" could not be saved. Copy from here what is missing there.`,
      }))
  }
}
