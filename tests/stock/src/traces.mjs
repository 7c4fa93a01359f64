// Real people's keystrokes, replayed through stock clients.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'
import { when } from './conditions.mjs'
import { documentHolds, spansOf } from './spans.mjs'

export function load(path) {
  const data = readFileSync(path)
  return JSON.parse(path.endsWith('.gz') ? gunzipSync(data) : data)
}

/** Types a one-person trace through one device, `stride` keystrokes a transaction. */
export async function typeTrace(device, { path, root, stride = 1, window = 500 }) {
  const trace = load(path)
  const text = device.doc.getText(root)
  for (let i = 0; i < trace.txns.length; i += stride) {
    device.doc.transact(() => {
      for (const { patches } of trace.txns.slice(i, i + stride)) applyPatches(text, patches)
    })
    await keepUp(device, window)
  }
  return { expected: trace.endContent, transactions: Math.ceil(trace.txns.length / stride) }
}

/**
 * Replays a trace of several people, each transaction by its person's device on the version it names.
 *
 * A person writes in an editor of their own (a Y.Doc), which is bound to the device's document. The
 * device gets everything at once from the server; the editor takes over exactly what the trace says
 * this person had seen, and only when the server has delivered it to the device.
 */
export async function replayTogether(devices, { path, root, window = 500 }) {
  const trace = load(path)
  const editors = devices.map((device, agent) => editorOf(device, agent))
  const made = [] // by transaction: its update, its spans
  const seen = editors.map(() => new Set())
  for (let n = 0; n < trace.txns.length; n++) {
    const { agent, parents, patches } = trace.txns[n]
    for (const one of missingFor(trace, seen[agent], parents)) {
      await delivered(devices[agent], made[one].spans, one)
      Y.applyUpdate(editors[agent], made[one].bytes, 'seen')
      seen[agent].add(one)
    }
    const bytes = write(editors[agent], root, patches)
    made.push({ bytes, spans: spansOf(bytes) })
    seen[agent].add(n)
    Y.applyUpdate(devices[agent].doc, bytes, 'editor')
    await keepUp(devices[agent], window)
  }
  return { expected: trace.endContent, transactions: trace.txns.length }
}

function editorOf(device, agent) {
  const editor = new Y.Doc()
  // Where two people insert at one place, Yjs orders them by client id, the trace by agent.
  editor.clientID = 1000 * (agent + 1) + (device.doc.clientID % 1000)
  return editor
}

export function missingFor(trace, seen, parents) {
  const missing = new Set()
  const queue = parents.filter((n) => !seen.has(n))
  while (queue.length > 0) {
    const n = queue.pop()
    if (missing.has(n)) continue
    missing.add(n)
    queue.push(...trace.txns[n].parents.filter((parent) => !seen.has(parent)))
  }
  return [...missing].sort((a, b) => a - b)
}

export function write(editor, root, patches) {
  let bytes = null
  editor.once('update', (update) => (bytes = update))
  editor.transact(() => applyPatches(editor.getText(root), patches))
  return bytes
}

function applyPatches(text, patches) {
  // Both traces hold no character beyond the BMP, so their positions are UTF-16 offsets.
  for (const [position, deleted, inserted] of patches) {
    if (deleted > 0) text.delete(position, deleted)
    if (inserted) text.insert(position, inserted)
  }
}

async function delivered(device, spans, number) {
  if (documentHolds(device.doc, spans)) return
  await when([device], () => documentHolds(device.doc, spans), 20, () => `transaction ${number} at ${device.id}`)
}

async function keepUp(device, window) {
  const behind = () => device.client.unsynced()
  if (device.ledger.entries.length % 50 !== 0 || behind() <= window) return
  await when([device], () => behind() <= window, 30, () => `${device.id} is ${behind()} behind`)
}
