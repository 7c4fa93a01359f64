/** Edits of a shared text that come from a plain text field. */
import * as Y from 'yjs'

/** The server takes updates up to a size; longer insertions go out as several. */
const CHUNK = 100_000

/**
 * Turns `text` into `wanted` by the one span in which they differ, so that what others type elsewhere
 * at the same time stays.
 * @param caret where the caret is in `wanted`; tells which of several equal characters was typed
 */
export function updateText(text: Y.Text, wanted: string, caret = wanted.length): void {
  const current = text.toString()
  if (current === wanted) return
  const { start, removed, inserted } = difference(current, wanted, caret)
  if (removed > 0) transact(text, () => text.delete(start, removed))
  let at = start
  for (const chunk of chunksOf(inserted)) {
    transact(text, () => text.insert(at, chunk))
    at += chunk.length
  }
}

export interface Difference {
  readonly start: number
  readonly removed: number
  readonly inserted: string
}

/** Finds the span; never cuts a character in half: the server refuses such an edit. */
export function difference(before: string, after: string, caret: number): Difference {
  const most = Math.min(before.length, after.length)
  // What is behind the caret was there before, if it can be.
  let tail = 0
  const mostTail = Math.min(most, after.length - Math.min(caret, after.length))
  while (tail < mostTail && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  let head = 0
  while (head < most - tail && before[head] === after[head]) head++
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  while (head > 0 && (isInside(before, head) || isInside(after, head))) head--
  while (
    tail > 0 &&
    (isInside(before, before.length - tail) || isInside(after, after.length - tail))
  )
    tail--
  return {
    start: head,
    removed: before.length - tail - head,
    inserted: wellFormed(after.slice(head, after.length - tail)),
  }
}

/** Tells whether an index lies between the two halves of one character. */
function isInside(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  const before = text.charCodeAt(index - 1)
  return code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff
}

/** Replaces halves of characters, which no update can carry. */
export function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (found) =>
    found.length === 2 ? found : '\ufffd',
  )
}

export function* chunksOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + CHUNK, text.length)
    if (isInside(text, end)) end -= 1
    yield text.slice(start, end)
    start = end
  }
}

function transact(text: Y.Text, edit: () => void): void {
  if (text.doc) text.doc.transact(edit)
  else edit()
}

/** Gives where an index moves when another's edit is applied, for keeping a caret in place. */
export function encodePosition(text: Y.Text, index: number): string {
  return JSON.stringify(
    Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, index)),
  )
}

/** Gives the index of an encoded position; undefined if it can't be one, whoever sent it. */
export function decodePosition(text: Y.Text, encoded: unknown): number | undefined {
  if (typeof encoded !== 'string' || encoded.length > 512 || !text.doc) return undefined
  try {
    const position = Y.createRelativePositionFromJSON(JSON.parse(encoded))
    const absolute = Y.createAbsolutePositionFromRelativePosition(position, text.doc)
    return absolute?.type === text ? absolute.index : undefined
  } catch {
    return undefined
  }
}
