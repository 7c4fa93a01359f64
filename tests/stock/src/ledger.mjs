// Every update this device made, and when it was told that the update is safe.
//
// A y-websocket client is told by its echo, or by the vector and the delete set of a first sync. Two
// kinds of update have neither before the next connection: one that lands while its sender is being
// caught up (it gets one state, without what it has), and a deletion of what somebody else's edit had
// made vanish already (two devices set one key of a map): it is no news, so nobody sends it on.
import * as Y from 'yjs'
import { spansOf, subtractRanges } from './spans.mjs'

/** Local updates in order; `acknowledged` of them are known to be safe. */
export class Ledger {
  constructor(doc) {
    this.client = doc.clientID
    this.entries = []
    this.first = 0 // all entries before this one are acknowledged
    this.acknowledged = 0
  }

  get settled() {
    this.#advance()
    return this.first === this.entries.length
  }

  /** Notes a local update. */
  made(bytes) {
    const { inserts, deletes } = spansOf(bytes)
    this.entries.push({ bytes, inserts, deletes, missing: deletes, acknowledgedAt: null })
  }

  /** The client itself says that all it made is safe (Hocuspocus: no unsynced changes). */
  allSafe() {
    for (; this.first < this.entries.length; this.first++) this.#settle(this.entries[this.first])
  }

  /** The server showed its vector: what it covers is safe, deletes apart. */
  vectorShown(vector) {
    this.#evidence([...Y.decodeStateVector(vector)], [])
  }

  /** The server sent an update, perhaps the device's own echo. */
  updateShown(bytes) {
    this.#advance()
    const oldest = this.entries[this.first]
    if (oldest === undefined) return
    if (Buffer.compare(oldest.bytes, bytes) === 0) this.#settle(oldest)
    else {
      const { inserts, deletes } = spansOf(bytes)
      this.#evidence(inserts, deletes)
    }
  }

  #evidence(inserts, deletes) {
    const ends = new Map(inserts)
    for (let i = this.first; i < this.entries.length; i++) {
      const entry = this.entries[i]
      if (entry.acknowledgedAt !== null) continue
      entry.missing = subtractRanges(entry.missing, deletes)
      entry.shown ||= entry.inserts.every(([client, end]) => (ends.get(client) ?? 0) >= end)
      if (entry.shown && entry.missing.length === 0) this.#settle(entry)
    }
    this.#advance()
  }

  #advance() {
    while (this.first < this.entries.length && this.entries[this.first].acknowledgedAt !== null) this.first++
  }

  #settle(entry) {
    if (entry.acknowledgedAt !== null) return
    entry.acknowledgedAt = performance.timeOrigin + performance.now()
    this.acknowledged += 1
  }
}
