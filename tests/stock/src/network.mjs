// A device's network: counts what arrives, can be cut, taken away, and repeat what is sent.
import { Socket } from 'node:net'
import WebSocket from 'ws'

/** One device's network. Watchers see each inbound frame, `{kind, name?, body?}`, before the client does. */
export class Network {
  constructor(read, headers = {}) {
    this.read = read
    this.headers = headers
    this.watchers = new Set()
    this.offline = false
    this.repeat = () => false
    this.live = null
    this.opened = 0
    this.closes = []
    this.mark()
    this.SocketClass = socketClassOf(this)
  }

  /** Starts counting anew. */
  mark() {
    this.received = { bytes: 0, frames: 0, kinds: {} }
  }

  /** Drops the TCP connection with no goodbye, as a train's tunnel does. */
  cut() {
    this.live?.terminate()
  }

  /** Takes the network away: the connection dies and new ones fail until `restore`. */
  takeAway() {
    this.offline = true
    this.cut()
  }

  restore() {
    this.offline = false
  }

  /** Stops reading from the TCP socket, as a suspended device does; `resume` goes on. */
  pause() {
    this.live?._socket.pause()
  }

  resume() {
    this.live?._socket.resume()
  }

  note(data) {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(Buffer.concat([data].flat()))
    const frame = this.read(bytes)
    this.received.bytes += bytes.length
    this.received.frames += 1
    this.received.kinds[frame.kind] = (this.received.kinds[frame.kind] ?? 0) + 1
    for (const watch of this.watchers) watch(frame)
  }
}

function socketClassOf(network) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers: network.headers, ...(network.offline ? { createConnection: unreachable } : {}) })
      network.live = this
      this.on('error', () => {}) // where the library has let go of it already, Node would end us
      this.on('open', () => (network.opened += 1))
      this.on('message', (data) => network.live === this && network.note(data))
      this.on('close', (code, reason) => network.closes.push({ code, reason: reason.toString() }))
    }

    send(data, ...rest) {
      super.send(data, ...rest)
      if (network.repeat()) super.send(data)
    }
  }
}

function unreachable() {
  const socket = new Socket()
  process.nextTick(() => socket.destroy(new Error('the network is away')))
  return socket
}
