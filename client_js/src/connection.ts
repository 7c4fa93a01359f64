/**
 * The one socket of a client, kept open as long as it is wanted.
 *
 *     idle --connect--> connecting --first message--> connected
 *                          ^  '--closed, silent--> waiting --time, online, visible--'|
 *                          '-------------------------- waiting <--closed, silent-----'
 *     cut: not wanted for now. failed: the server said that coming back is no use.
 *
 * Invariants:
 * 1. Nothing is queued while there is no connection: the sync handshake covers all that was missed.
 *    (The stock socket keeps every keystroke typed offline, and sends them in front of the handshake.)
 * 2. An attempt, and a connection, that stays silent ends; the next one comes after a growing, random wait.
 */
import { HocuspocusProviderWebsocket, type onCloseParameters } from '@hocuspocus/provider'
import { Backoff } from './backoff'
import { Emitter } from './emitter'
import { BEAT_MS, Heartbeat } from './heartbeat'
import { type Refusal, refusal } from './refusals'

export type Status = 'connecting' | 'connected' | 'reconnecting' | 'disconnected'

/** What the socket is made of; for Node, where it is no global before version 22. */
export type WebSocketClass = new (url: string) => WebSocket

/** The stock socket with its own ways of queueing and of coming back taken out. */
class Socket extends HocuspocusProviderWebsocket {
  override send(message: Uint8Array<ArrayBuffer>): void {
    if (this.webSocket?.readyState === 1) this.webSocket.send(message)
  }

  /** Ends the connection as a close event would: a dead one gives none for minutes. */
  drop(reason: string): void {
    this.emit('close', { event: { code: OWN_CODE, reason } })
  }

  override onClose(parameters: onCloseParameters): void {
    this.shouldConnect = false // else it would come back by itself, always after the same second
    super.onClose(parameters)
  }
}

export class Connection extends Emitter<'status'> {
  readonly socket: Socket
  readonly #backoff = new Backoff()
  readonly #heartbeat: Heartbeat
  readonly #beating: ReturnType<typeof setInterval>
  readonly #unlisten: () => void
  #waiting: ReturnType<typeof setTimeout> | undefined
  #isWanted = false
  #hasHeard = false
  #wasConnected = false
  #cut = false
  #silentBeats = 0
  #steadyBeats = 0
  #failure: Refusal | undefined
  #lastReason: string | undefined

  constructor(url: string, webSocket?: WebSocketClass) {
    super()
    this.socket = new Socket({
      url,
      autoConnect: false,
      maxAttempts: 1,
      ...(webSocket && { WebSocketPolyfill: webSocket }),
    })
    this.#heartbeat = new Heartbeat(
      () => this.#ping(),
      () => this.#drop('The connection went silent.'),
    )
    this.socket.on('message', () => this.#onMessage())
    this.socket.on('close', ({ event }: onCloseParameters) => this.#onClose(event))
    this.#beating = setInterval(() => this.#beat(), BEAT_MS)
    this.#unlisten = listenToBrowser(this)
  }

  get status(): Status {
    if (this.#failure || this.#cut) return 'disconnected'
    if (this.#hasHeard) return 'connected'
    return this.#wasConnected || this.#backoff.failures > 0 ? 'reconnecting' : 'connecting'
  }

  /** How many attempts in a row have failed. */
  get failures(): number {
    return this.#backoff.failures
  }

  /** Why the server wants this client no more. */
  get failure(): Refusal | undefined {
    return this.#failure
  }

  /** Why the last connection ended, in the server's words where it said any. */
  get lastReason(): string | undefined {
    return this.#lastReason
  }

  /** True while the network is cut on purpose. */
  get isCut(): boolean {
    return this.#cut
  }

  /** Connects for the first time. Not before there is a document: the server closes an idle socket. */
  open(): void {
    if (!this.#isWanted) this.connect()
  }

  /** Connects now, whatever wait is left; a failure is forgotten. */
  connect(): void {
    clearTimeout(this.#waiting)
    this.#failure = undefined
    this.#isWanted = true
    if (this.#cut) return
    this.#silentBeats = 0
    void this.socket.connect()
    this.emit('status')
  }

  /** Drops the connection without a word and makes no other until `cut(false)`. */
  cut(cut: boolean): void {
    if (this.#cut === cut) return
    this.#cut = cut
    if (cut) this.#drop('The network of this device was switched off.')
    else if (this.#isWanted) this.connect()
  }

  /** Has a connection prove soon that it is alive: the device woke up, or changed networks. */
  probe(): void {
    if (!this.#isWanted) return
    if (this.status === 'connected') this.#heartbeat.beat()
    else if (!this.#failure && this.socket.webSocket === null) this.connect() // none is under way
  }

  /** The browser says that there is no network. It is tried all the same: a server may be on the machine. */
  loseNetwork(): void {
    if (this.#hasHeard) this.#drop('The device has no network.')
  }

  destroy(): void {
    clearInterval(this.#beating)
    clearTimeout(this.#waiting)
    this.#unlisten()
    this.socket.destroy()
  }

  #beat(): void {
    if (this.#hasHeard) {
      this.#steadyBeats += 1
      if (this.#steadyBeats === STEADY_BEATS) this.#backoff.reset()
      this.#heartbeat.beat()
    } else if (this.socket.webSocket !== null) {
      this.#silentBeats += 1
      if (this.#silentBeats >= ATTEMPT_BEATS) this.#drop('The server does not answer.')
    }
  }

  #ping(): void {
    const [provider] = this.socket.configuration.providerMap.values()
    provider?.sendStateless('ping')
  }

  #onMessage(): void {
    this.#heartbeat.heard()
    if (this.#hasHeard) return
    this.#hasHeard = true
    this.#wasConnected = true
    this.#steadyBeats = 0
    this.emit('status')
  }

  #drop(reason: string): void {
    if (this.socket.webSocket !== null) this.socket.drop(reason)
    else this.emit('status')
  }

  #onClose(event: { code?: number; reason?: string }): void {
    this.#hasHeard = false
    this.#heartbeat.heard()
    this.#lastReason = event.reason || undefined
    const code = event.code ?? 0
    const judged = refusal(code, event.reason ?? '')
    if (judged.action !== 'retry' && code !== OWN_CODE) this.#failure = judged
    else if (!this.#cut) this.#wait()
    this.emit('status')
  }

  #wait(): void {
    clearTimeout(this.#waiting)
    this.#waiting = setTimeout(() => this.connect(), this.#backoff.nextMs())
  }
}

const OWN_CODE = 4408
const ATTEMPT_BEATS = 3
const STEADY_BEATS = 3

/** Acts on what a browser knows of its network before the socket does. */
function listenToBrowser(connection: Connection): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {}
  const online = () => connection.probe()
  const offline = () => connection.loseNetwork()
  const visible = () => {
    if (document.visibilityState === 'visible') connection.probe()
  }
  window.addEventListener('online', online)
  window.addEventListener('offline', offline)
  window.addEventListener('pageshow', online)
  document.addEventListener('visibilitychange', visible)
  return () => {
    window.removeEventListener('online', online)
    window.removeEventListener('offline', offline)
    window.removeEventListener('pageshow', online)
    document.removeEventListener('visibilitychange', visible)
  }
}
