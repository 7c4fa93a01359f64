/**
 * A server that does what a test says: it answers the handshake from a document of its own, and holds
 * acknowledgements, falls silent, refuses or closes when told to. Sockets open in the next microtask.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'
import type { WebSocketClass } from '../src'

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const STATELESS = 5
const CLOSE = 7
const STATUS = 8

export interface Received {
  readonly name: string
  /** As in "token", "step 1", "step 2", "update", "awareness", "stateless ping", "close". */
  readonly kind: string
  readonly bytes: Uint8Array
}

export class ScriptedServer {
  readonly doc = new Y.Doc()
  readonly sockets: ScriptedSocket[] = []
  readonly received: Received[] = []
  /** False: accepts nothing, as a server that is away. */
  isUp = true
  /** False: takes sockets and then says nothing. */
  answers = true
  /** False: keeps its acknowledgements to itself. */
  acknowledges = true
  scope = 'read-write'
  /** Gives the reason for which a document is refused, if it is. */
  refuses: (received: Received) => string | undefined = () => undefined

  /** The class to hand to a client. */
  get WebSocket(): WebSocketClass {
    const server = this
    return class extends ScriptedSocket {
      constructor() {
        super(server)
      }
    } as unknown as WebSocketClass
  }

  get socket(): ScriptedSocket {
    const last = this.sockets.at(-1)
    if (!last) throw new Error('nobody has connected')
    return last
  }

  kinds(name: string): string[] {
    return this.received.filter((each) => each.name === name).map(({ kind }) => kind)
  }

  /** Confirms one edit. */
  acknowledge(name: string): void {
    this.socket.deliver(frame(name, STATUS, (encoder) => encoding.writeVarInt(encoder, 1)))
  }

  deny(name: string, reason: string): void {
    const write = (encoder: encoding.Encoder) => {
      encoding.writeVarUint(encoder, 1)
      encoding.writeVarString(encoder, reason)
    }
    this.socket.deliver(frame(name, AUTH, write))
  }

  /** Confirms that a provider has left, as the real server does. */
  confirmLeft(name: string): void {
    this.socket.deliver(frame(name, CLOSE, (encoder) => encoding.writeVarString(encoder, 'bye')))
  }

  /** Sends what another device wrote. */
  broadcast(name: string, update: Uint8Array): void {
    this.socket.deliver(frame(name, SYNC, (encoder) => sync.writeUpdate(encoder, update)))
  }

  take(socket: ScriptedSocket, bytes: Uint8Array): void {
    const decoder = decoding.createDecoder(bytes)
    const name = decoding.readVarString(decoder)
    const type = decoding.readVarUint(decoder)
    const message = { name, kind: kindOf(type, decoder), bytes }
    this.received.push(message)
    if (!this.answers) return
    const reason = this.refuses(message)
    if (reason === undefined) this.#answer(socket, message)
    else this.deny(name, reason)
  }

  #answer(socket: ScriptedSocket, { name, kind, bytes }: Received): void {
    if (kind === 'token') socket.deliver(frame(name, AUTH, authenticated(this.scope)))
    if (kind === 'stateless ping')
      socket.deliver(frame(name, STATELESS, (to) => encoding.writeVarString(to, 'pong')))
    if (kind === 'step 1') {
      socket.deliver(frame(name, SYNC, (to) => sync.writeSyncStep1(to, this.doc)))
      socket.deliver(frame(name, SYNC, (to) => sync.writeSyncStep2(to, this.doc)))
    }
    if (kind === 'step 2' || kind === 'update') {
      const decoder = decoding.createDecoder(bytes)
      decoding.readVarString(decoder)
      decoding.readVarUint(decoder)
      decoding.readVarUint(decoder)
      Y.applyUpdate(this.doc, decoding.readVarUint8Array(decoder))
      if (this.acknowledges) this.acknowledge(name)
    }
  }
}

function kindOf(type: number, decoder: decoding.Decoder): string {
  if (type === SYNC) return ['step 1', 'step 2', 'update'][decoding.readVarUint(decoder)] ?? 'odd'
  if (type === AWARENESS) return 'awareness'
  if (type === AUTH) return 'token'
  if (type === STATELESS) return `stateless ${decoding.readVarString(decoder)}`
  return type === CLOSE ? 'close' : `type ${type}`
}

function authenticated(scope: string): (encoder: encoding.Encoder) => void {
  return (encoder) => {
    encoding.writeVarUint(encoder, 2)
    encoding.writeVarString(encoder, scope)
  }
}

function frame(name: string, type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, name)
  encoding.writeVarUint(encoder, type)
  write(encoder)
  return encoding.toUint8Array(encoder)
}

export class ScriptedSocket extends EventTarget {
  binaryType = 'arraybuffer'
  readyState = 0
  readonly #server: ScriptedServer

  constructor(server: ScriptedServer) {
    super()
    this.#server = server
    server.sockets.push(this)
    queueMicrotask(() => (server.isUp ? this.#open() : this.drop(1006)))
  }

  send(bytes: Uint8Array): void {
    this.#server.take(this, bytes)
  }

  /** The client closes: a dead line never confirms it. */
  close(): void {
    this.readyState = 3
  }

  /** The line breaks, or the server closes. */
  drop(code: number, reason = ''): void {
    this.readyState = 3
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }))
  }

  deliver(bytes: Uint8Array): void {
    if (this.readyState !== 1) return
    const data = bytes.slice().buffer
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  #open(): void {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }
}

/** A token that nobody checks. */
export function tokenOf(user: string, claims: Readonly<Record<string, unknown>> = {}): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'none' })}.${encode({ sub: user, ...claims })}.x`
}
