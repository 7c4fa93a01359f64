// Cuts a trace of real people's keystrokes into the updates that Yjs makes of them:
//   node trace_updates.mjs PATH FIRST_CLIENT MOST
// writes, for each update, agent (1 byte), length (4 bytes) and bytes; at the end agent 255 and the text.
import * as Y from 'yjs'
import { load, missingFor, write } from './src/traces.mjs'

const [path, firstClient, most] = process.argv.slice(2)
const trace = load(path)
const editors = Array.from({ length: trace.numAgents ?? 1 }, (_, agent) => {
  const editor = new Y.Doc()
  editor.clientID = Number(firstClient) + agent
  return editor
})
const seen = editors.map(() => new Set())
const made = []

function put(agent, bytes) {
  const head = Buffer.alloc(5)
  head.writeUInt8(agent, 0)
  head.writeUInt32BE(bytes.length, 1)
  process.stdout.write(Buffer.concat([head, bytes]))
}

for (let n = 0; n < Math.min(Number(most), trace.txns.length); n++) {
  const { agent = 0, parents = [], patches } = trace.txns[n]
  for (const one of missingFor(trace, seen[agent], parents)) {
    Y.applyUpdate(editors[agent], made[one])
    seen[agent].add(one)
  }
  const bytes = write(editors[agent], 't', patches)
  if (editors.length > 1) made.push(bytes)
  seen[agent].add(n)
  put(agent, bytes)
}
const whole = new Y.Doc()
for (const editor of editors) Y.applyUpdate(whole, Y.encodeStateAsUpdate(editor))
put(255, Buffer.from(whole.getText('t').toString()))
