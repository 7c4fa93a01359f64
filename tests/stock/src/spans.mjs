// What an update holds, and whether a document has it: the measure of "acknowledged" and "is there".
import * as Y from 'yjs'

/** Gives what an update inserts ([client, end clock]) and deletes ([client, clock, length]). */
export function spansOf(update) {
  const { structs, ds } = Y.decodeUpdate(update)
  const ends = new Map()
  for (const struct of structs) {
    if (struct instanceof Y.Skip) continue
    const end = struct.id.clock + struct.length
    if (end > (ends.get(struct.id.client) ?? 0)) ends.set(struct.id.client, end)
  }
  const deletes = []
  for (const [client, items] of ds.clients) {
    for (const item of items) deletes.push([client, item.clock, item.len])
  }
  return { inserts: [...ends], deletes }
}

/** Tells whether the document holds all of the spans: inserts integrated, deletes done. */
export function documentHolds(doc, { inserts, deletes }) {
  return (
    inserts.every(([client, end]) => Y.getState(doc.store, client) >= end) &&
    deletes.every((range) => isDeleted(doc, range))
  )
}

function isDeleted(doc, [client, clock, length]) {
  if (Y.getState(doc.store, client) < clock + length) return false
  const structs = doc.store.clients.get(client)
  for (let i = Y.findIndexSS(structs, clock); i < structs.length; i++) {
    if (structs[i].id.clock >= clock + length) return true
    if (!structs[i].deleted) return false
  }
  return true
}

/** Takes from `ranges` what `gone` covers; gives what is left. */
export function subtractRanges(ranges, gone) {
  let left = ranges
  for (const [client, from, length] of gone) {
    const to = from + length
    left = left.flatMap((range) => {
      const [owner, clock, size] = range
      const end = clock + size
      if (owner !== client || end <= from || clock >= to) return [range]
      const parts = []
      if (clock < from) parts.push([owner, clock, from - clock])
      if (end > to) parts.push([owner, to, end - to])
      return parts
    })
    if (left.length === 0) break
  }
  return left
}
