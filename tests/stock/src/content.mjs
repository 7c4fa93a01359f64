// What people see of a document, as plain JSON in one canonical form, and edits of it by code point.
import { createHash } from 'node:crypto'
import * as Y from 'yjs'

/** Gives all roots that hold something, whatever type anybody gave them, in the order of names. */
export function rootsOf(doc) {
  const roots = {}
  for (const name of [...doc.share.keys()].sort()) {
    const content = contentOf(doc.share.get(name))
    if (content !== null) roots[name] = content
  }
  return roots
}

/** Gives `{content, state}`: a hash of what people see, and one of all inserts and deletes. */
export function hashesOf(doc) {
  return { content: hash(JSON.stringify(rootsOf(doc))), state: stateHash(doc) }
}

/** Equal exactly when two documents hold the same inserts and the same deletes. */
export function stateHash(doc) {
  return hash(Y.encodeSnapshot(Y.snapshot(doc)))
}

function hash(data) {
  return createHash('sha256').update(data).digest('hex')
}

function contentOf(type) {
  const list = []
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted) appendContent(list, item.content)
  }
  const map = {}
  for (const key of [...type._map.keys()].sort()) {
    const item = type._map.get(key)
    if (!item.deleted) map[key] = lastValue(item.content)
  }
  const keys = Object.keys(map).length
  if (list.length === 0 && keys === 0) return null
  if (list.length === 0) return map
  const shown = list.length === 1 ? list[0] : list
  return keys === 0 ? shown : { list: shown, map }
}

function appendContent(list, content) {
  if (content instanceof Y.ContentString) {
    if (typeof list.at(-1) === 'string') list[list.length - 1] += content.str
    else list.push(content.str)
  } else if (content instanceof Y.ContentType) list.push({ type: contentOf(content.type) })
  else if (content instanceof Y.ContentFormat) list.push({ format: content.key, value: inOrder(content.value) })
  else list.push(...content.getContent().map((value) => ({ value: inOrder(value) })))
}

function lastValue(content) {
  if (content instanceof Y.ContentType) return contentOf(content.type)
  return inOrder(content.getContent().at(-1))
}

/** The keys of an object have no order: the server's CRDT gives them in any. */
function inOrder(value) {
  if (Array.isArray(value)) return value.map(inOrder)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, inOrder(value[key])]))
}

/** Applies `[position, deleted, inserted]` patches, counted in code points, as one transaction. */
export function patchText(doc, root, patches) {
  const text = doc.getText(root)
  doc.transact(() => {
    for (const [position, deleted, inserted] of patches) {
      const [from, to] = utf16Range(text, position, deleted)
      if (to > from) text.delete(from, to - from)
      if (inserted) text.insert(from, inserted)
    }
  })
}

function utf16Range(text, position, deleted) {
  const shown = text.toString()
  const from = utf16Offset(shown, 0, position)
  return [from, utf16Offset(shown, from, deleted)]
}

function utf16Offset(text, start, codePoints) {
  let offset = start
  for (let n = 0; n < codePoints && offset < text.length; n++) {
    offset += text.codePointAt(offset) > 0xffff ? 2 : 1
  }
  return offset
}

/** Sets a nested value: objects become Y.Maps, `{"$text": s}` a Y.Text, all else stays JSON. */
export function putValue(doc, root, path, value) {
  doc.transact(() => {
    let map = doc.getMap(root)
    for (const key of path.slice(0, -1)) map = map.get(key)
    map.set(path.at(-1), nested(value))
  })
}

function nested(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  if (typeof value.$text === 'string') return new Y.Text(value.$text)
  if (value.$json !== undefined) return value.$json
  return new Y.Map(Object.entries(value).map(([key, inner]) => [key, nested(inner)]))
}
