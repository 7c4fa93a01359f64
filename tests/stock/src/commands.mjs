// What a test can ask of the host, by the name in `do`. Each answers with plain JSON.
import * as Y from 'yjs'
import { holds, when } from './conditions.mjs'
import { hashesOf, patchText, putValue, rootsOf, stateHash } from './content.mjs'
import { Device } from './device.mjs'
import { openEditor, runInEditor, typeInEditor } from './editor.mjs'
import { documentHolds } from './spans.mjs'
import { replayTogether, typeTrace } from './traces.mjs'
import { sayMessage, Typing } from './typist.mjs'
import { Witness } from './witness.mjs'

/** All devices of this process, by id. */
const devices = new Map()

const find = (id) => {
  const device = devices.get(id)
  if (device === undefined) throw new Error(`no device ${id}`)
  return device
}

export const COMMANDS = {
  async open(options) {
    if (devices.has(options.id)) throw new Error(`${options.id} is open already`)
    const beside = options.beside === undefined ? undefined : find(options.beside)
    const device = await Device.open({ ...options, beside })
    devices.set(options.id, device)
    return { client: device.doc.clientID }
  },
  async open_all({ list }) {
    return Promise.all(list.map(COMMANDS.open))
  },
  close: ({ id }) => (find(id).destroy(), void devices.delete(id)),
  /** Connects anew until the server has shown that it holds all this device made: see ledger.mjs. */
  async settle({ id, timeout = 30 }) {
    const device = find(id)
    const { client, ledger, network } = device
    const deadline = Date.now() + timeout * 1000
    const until = (test) =>
      when([device], test, (deadline - Date.now()) / 1000, () => `${id} to be safe: ${JSON.stringify(device.summary())}`)
    await until(() => client.synced())
    while (!ledger.settled) {
      const before = network.opened
      network.cut()
      await until(() => network.opened > before && client.synced())
    }
    await until(() => client.unsynced() === 0)
  },
  /** Ends a device once all it made is safe, and begins it anew, as a page that is loaded again. */
  async reopen({ id }) {
    const old = find(id)
    await old.typing?.done
    old.network.restore()
    await COMMANDS.settle({ id, timeout: 40 })
    old.destroy()
    devices.delete(id)
    const opened = await COMMANDS.open(old.options)
    if (old.witness !== null) COMMANDS.witness({ ids: [id] })
    return opened
  },
  close_all: () => [...devices.keys()].forEach((id) => COMMANDS.close({ id })),

  edit: ({ id, root, patches }) => patchText(find(id).doc, root, patches),
  put: ({ id, root, path, value }) => putValue(find(id).doc, root, path, value),

  /** Edits under a client id that belongs to somebody else. */
  forge({ id, client, root, patches }) {
    const { doc } = find(id)
    const own = doc.clientID
    doc.clientID = client
    patchText(doc, root, patches)
    doc.clientID = own
  },

  async type({ id, wait = true, ...how }) {
    const device = find(id)
    device.typing?.stop()
    device.typing = new Typing(device, how)
    if (wait && how.count !== undefined) await device.typing.done
    return { made: device.ledger.entries.length }
  },
  stop_typing: ({ id }) => (find(id).typing?.stop(), { made: find(id).ledger.entries.length }),
  type_trace: ({ id, ...trace }) => typeTrace(find(id), trace),
  replay_together: ({ ids, ...trace }) => replayTogether(ids.map(find), trace),

  open_editor: async ({ id }) => void (find(id).editor = await openEditor(find(id).doc)),
  in_editor: ({ id, steps }) => runInEditor(find(id).editor, steps),
  type_in_editor: ({ id, text, at }) => typeInEditor(find(id).editor, text, at),
  shown_in_editor: ({ id }) => find(id).editor.getHTML(),

  read: ({ id }) => find(id).describe(),
  closes: ({ id }) => find(id).network.closes,
  summary: ({ id }) => find(id).summary(),
  text: ({ id, root }) => find(id).doc.getText(root).toString(),
  watch_marks: ({ id, root }) => find(id).watchMarks(root),

  /** Says something as `user`; the message has the id `message`. */
  say: ({ id, message, ...what }) => sayMessage(find(id).doc, message, what),
  witness: ({ ids }) => ids.forEach((id) => (find(id).witness = new Witness(find(id).doc))),
  witnessed: ({ ids }) => ids.map((id) => find(id).witness.seen()),
  present: ({ id, state }) => find(id).client.awareness.setLocalState(state),

  cut: ({ ids }) => ids.forEach((id) => find(id).network.cut()),
  offline: ({ ids }) => ids.forEach((id) => find(id).network.takeAway()),
  online: ({ ids }) => ids.forEach((id) => find(id).network.restore()),
  pause: ({ id }) => find(id).network.pause(),
  resume: ({ id }) => find(id).network.resume(),
  repeat: ({ id, share, seed }) => find(id).repeatFrames(share, seed),
  mark: ({ ids }) => ids.forEach((id) => find(id).network.mark()),
  tokens: ({ id, tokens }) => {
    find(id).tokens.list = [...tokens]
    find(id).client.retoken()
  },

  async wait({ id, until, timeout = 20 }) {
    const device = find(id)
    const describe = () => `${id} ${JSON.stringify(until)}; it is ${JSON.stringify(device.summary())}`
    await when([device], () => holds(device, until), timeout, describe)
    return device.summary()
  },
  async wait_all({ ids, until, timeout = 20 }) {
    await Promise.all(ids.map((id) => COMMANDS.wait({ id, until, timeout })))
  },
  async equal({ ids, timeout = 20 }) {
    const all = ids.map(find)
    const clocks = () => all.map(({ id, doc }) => [id, Object.fromEntries(doc.store.clients.size ? Y.decodeStateVector(Y.encodeStateVector(doc)) : [])])
    await when(all, () => areEqual(all), timeout, () => `equal: ${JSON.stringify(clocks())}`)
    return hashesOf(all[0].doc)
  },

  /** Rebuilds a document from log rows with Yjs itself.
   *
   * `missing`: acknowledged entries it lacks; `early`: what devices were shown of others and it lacks.
   */
  fold({ updates, ids = [] }) {
    const doc = new Y.Doc()
    doc.transact(() => updates.forEach((update) => Y.applyUpdate(doc, bytes(update))))
    const pending = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
    const devices = ids.map(find)
    const missing = devices.map((device) => missingIn(device, doc))
    const early = devices.flatMap((device) => shownEarly(device, doc))
    return { ...hashesOf(doc), roots: rootsOf(doc), pending, missing, early }
  },
  /** Which entries that `ids` have acknowledged does the device `id` lack? */
  holds_acknowledged: ({ id, ids }) => ids.map((other) => missingIn(find(other), find(id).doc)),
}

function shownEarly({ id, doc }, stored) {
  const shown = [...Y.decodeStateVector(Y.encodeStateVector(doc))].filter(([client]) => client !== doc.clientID)
  return shown
    .filter(([client, clock]) => Y.getState(stored.store, client) < clock)
    .map(([client, clock]) => `${id} was shown ${client}:${clock}, stored is ${Y.getState(stored.store, client)}`)
}

function missingIn({ ledger }, doc) {
  const lost = ledger.entries.filter((entry) => entry.acknowledgedAt !== null && !documentHolds(doc, entry))
  return { acknowledged: ledger.acknowledged, made: ledger.entries.length, lost: lost.length }
}

function areEqual([first, ...rest]) {
  const vector = Buffer.from(Y.encodeStateVector(first.doc))
  if (rest.some(({ doc }) => vector.compare(Y.encodeStateVector(doc)) !== 0)) return false
  const hash = stateHash(first.doc)
  if (rest.some(({ doc }) => stateHash(doc) !== hash)) return false
  const { content } = hashesOf(first.doc)
  const odd = rest.find(({ doc }) => hashesOf(doc).content !== content)
  if (odd !== undefined) throw new Error(`${odd.id} has the same state as ${first.id}, and other content`)
  return true
}

function bytes(base64) {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
