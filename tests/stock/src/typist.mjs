// A person at the keyboard, from a seed: the same seed makes the same strokes on the same text.
import { patchText, putValue } from './content.mjs'

const ALPHABET = [...'abcdefgh \n', 'ä', 'ß', '漢', 'ท', 'é', '😀', '👩‍👩‍👧', '🏳️‍🌈', '𝔘', 'e\u0301', '\u200d']

/** A small seeded generator (mulberry32): `next()` in [0, 1). */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Makes one random edit: mostly typing in a text, now and then a deletion or a map entry.
 *
 * With `replace` nothing is only deleted: see the README's limits on Hocuspocus' count of unsynced changes.
 */
export function strike(doc, root, random, replace = false) {
  const dice = random()
  if (dice < 0.15) return setEntry(doc, random, replace)
  const size = [...doc.getText(root).toString()].length
  const position = Math.floor(random() * (size + 1))
  if (dice < 0.4 && size > 0) {
    return patchText(doc, root, [[position, Math.min(size - position, 1 + Math.floor(random() * 4)), replace ? pick(ALPHABET, random) : '']])
  }
  const letters = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(ALPHABET, random))
  patchText(doc, root, [[position, 0, letters.join('')]])
}

function setEntry(doc, random, replace) {
  const map = doc.getMap('facts')
  const key = `k${Math.floor(random() * 12)}`
  if (random() < 0.25 && !replace) doc.transact(() => map.delete(key))
  else doc.transact(() => map.set(key, pick(ALPHABET, random).repeat(3)))
}

function pick(list, random) {
  return list[Math.floor(random() * list.length)]
}

/** Adds a message of the user's, whole, as a person who presses Enter. */
export function sayMessage(doc, id, { user, text }) {
  const author = { $json: { kind: 'user', id: user } }
  const value = { role: 'user', author, parts: { 0: { type: 'text', text: { $text: text } } } }
  putValue(doc, 'messages', [id], value)
}

/** Types `count` edits (null: until stopped) at `hz`, or as fast as the event loop turns; `say`: a share are messages. */
export class Typing {
  constructor(device, { root, seed, hz = null, count = null, append = null, erase = false, say = null, replace = false, window = 200 }) {
    this.random = seeded(seed)
    this.left = count ?? Number.POSITIVE_INFINITY
    this.done = new Promise((resolve) => (this.finish = resolve))
    const step = () => {
      if (this.left <= 0) return this.stop()
      if (hz === null) this.next = setImmediate(step)
      if (hz === null && this.#isWaiting(device.client.unsynced(), window)) return
      this.left -= 1
      if (erase) patchText(device.doc, root, [[0, 1, '']])
      else if (append !== null) this.#append(device, root, append)
      else if (say !== null && this.random() < say.share) sayMessage(device.doc, `${device.doc.clientID}-${device.ledger.entries.length}`, say)
      else strike(device.doc, root, this.random, replace)
    }
    if (hz === null) step()
    else this.timer = setInterval(step, 1000 / hz)
  }

  /** Once `window` edits are under way, waits until half of them are safe. */
  #isWaiting(unsynced, window) {
    this.waiting = unsynced > (this.waiting ? window / 2 : window)
    return this.waiting
  }

  #append(device, root, prefix) {
    const text = device.doc.getText(root)
    text.insert(text.length, `${prefix}${device.ledger.entries.length} `)
  }

  stop() {
    clearInterval(this.timer)
    clearImmediate(this.next)
    this.left = 0
    this.finish()
  }
}
