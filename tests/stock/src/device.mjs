// One device: a document, a stock client, a network and a ledger of what it was promised.
import * as Y from 'yjs'
import { hashesOf, patchText, rootsOf } from './content.mjs'
import { DIALECTS } from './dialects.mjs'
import { Ledger } from './ledger.mjs'
import { Network } from './network.mjs'
import { seeded } from './typist.mjs'

export class Device {
  /** Opens `document` with the stock client called `dialect`; `before` patches a copy of its own first. */
  static async open(options) {
    const device = new Device(options)
    if (options.before) patchText(device.doc, 'text', options.before)
    const dialect = DIALECTS[options.dialect]
    device.client = await dialect.open(dialect.module, device, options)
    if (options.awareness) device.client.awareness.setLocalState(options.awareness)
    return device
  }

  constructor(options) {
    const { id, dialect, token = null, tokens = [token], headers, beside } = options
    this.id = id
    this.options = options
    this.doc = new Y.Doc()
    this.listeners = new Set()
    this.tokens = new Tokens(tokens)
    this.stop = null
    this.stateless = []
    this.firstSync = null // what was there at the moment the client first said "synced"
    this.marksFell = 0
    this.typing = null
    this.editor = null
    this.witness = null
    this.ledger = new Ledger(this.doc)
    this.network = beside?.network ?? new Network(DIALECTS[dialect].read, headers)
    this.network.watchers.add((frame) => {
      this.client?.onFrame(frame)
      this.changed()
    })
    this.doc.on('update', (bytes, origin) => {
      if (origin !== this.client?.provider) this.ledger.made(bytes)
      this.changed()
    })
  }

  /** Wakes whoever waits for something of this device. */
  changed() {
    if (this.firstSync === null && this.client?.synced()) this.firstSync = rootsOf(this.doc)
    for (const look of this.listeners) look()
  }

  /** The client gave up: a permanent close code, or a refused token. */
  stopped(how) {
    this.stop = how
    this.changed()
  }

  hashes() {
    return hashesOf(this.doc)
  }

  others() {
    const own = this.doc.clientID
    return [...this.client.awareness.getStates()].filter(([id]) => id !== own).map(([, state]) => state)
  }

  /** Counts how often it was told that something it made is safe. */
  get told() {
    return this.ledger.acknowledged + (this.network.received.kinds['status-1'] ?? 0)
  }

  /** Gives all a test may want to know. */
  describe() {
    return {
      roots: rootsOf(this.doc),
      first_sync: this.firstSync,
      ...this.hashes(),
      vector: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(this.doc))),
      client: this.doc.clientID,
      ...this.summary(),
    }
  }

  /** The same without the content: cheap, and fit for a message about a failed wait. */
  summary() {
    return {
      synced: this.client.synced(),
      connected: this.client.connected(),
      unsynced: this.client.unsynced(),
      least_unsynced: this.client.least(),
      scope: this.client.scope(),
      made: this.ledger.entries.length,
      acknowledged: this.ledger.acknowledged,
      told: this.told,
      stop: this.stop,
      asked: this.tokens.asked,
      opened: this.network.opened,
      closes: this.network.closes.slice(-5),
      received: this.network.received,
      stateless: this.stateless,
      marks_fell: this.marksFell,
      pending: this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null,
    }
  }

  /** Counts from now on how often the highest value of a session in a map of read markers falls. */
  watchMarks(root) {
    const highest = new Map()
    const marks = this.doc.getMap(root)
    marks.observe(() => {
      const now = new Map()
      for (const [key, value] of marks) {
        const session = key.split('/')[0]
        now.set(session, Math.max(now.get(session) ?? 0, value))
      }
      for (const [session, before] of highest) if ((now.get(session) ?? 0) < before) this.marksFell += 1
      for (const [session, value] of now) highest.set(session, value)
    })
  }

  /** Sends about this share of all frames twice from now on. */
  repeatFrames(share, seed) {
    const random = seeded(seed)
    this.network.repeat = () => random() < share
  }

  destroy() {
    this.typing?.stop()
    this.editor?.destroy()
    this.client.destroy()
    if (this.options.beside === undefined) this.network.cut()
    this.doc.destroy()
  }
}

/** The tokens a device has, in the order it presents them; the last one is presented for ever. */
class Tokens {
  constructor(list) {
    this.list = [...list]
    this.asked = 0
  }

  next() {
    this.asked += 1
    return this.list.length > 1 ? this.list.shift() : this.list[0]
  }
}
