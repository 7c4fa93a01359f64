// Writes tests/data/yjs_updates.json: what real Yjs clients send, recorded once with the yjs of
// package.json and fixed client ids. Run again after a change here: node tests/stock/record_updates.mjs
import { writeFileSync } from 'node:fs'
import * as Y from 'yjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')

// A device of a user; `sent` is every update it makes, `script` collects them in order.
const device = (script, user, clientID, options = {}) => {
  const doc = new Y.Doc(options)
  doc.clientID = clientID
  const it = { doc, user, offline: false, held: [] }
  doc.on('update', (update, origin) => {
    if (origin === 'remote') return
    if (it.offline) it.held.push(update)
    else script.push({ user, data: hex(update) })
  })
  it.receive = (other) =>
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other.doc, Y.encodeStateVector(doc)), 'remote')
  it.sendState = () => script.push({ user, data: hex(Y.encodeStateAsUpdate(doc)) })
  return it
}

// What a reader of the whole script sees: the return value of a scenario.
const texts = (name) => (doc) => ({ [name]: doc.getText(name).toString() })
const maps = (name) => (doc) => ({ [name]: doc.getMap(name).toJSON() })
const both = (doc) => ({ ...texts('t')(doc), ...maps('m')(doc) })

const scenarios = {
  'typing with emoji and replacing'(script) {
    const a = device(script, 'alice', 4_294_967_295)
    const text = a.doc.getText('t')
    for (const part of ['H', 'e', 'y', ' 👋', '🏽', ' wörld', '\u0000', '\ud800']) text.insert(text.length, part)
    text.delete(1, 2)
    text.insert(1, '<|endoftext|>')
    a.doc.transact(() => { text.delete(0, 3); text.insert(0, '👩‍👩‍👧') })
    return texts('t')
  },

  'maps overwritten and nested'(script) {
    const a = device(script, 'alice', 11)
    const map = a.doc.getMap('m')
    const values = { int: 1, negative: -7, big: 2 ** 40, float: 0.5, double: 0.1, yes: true, no: false, nothing: null, text: 'x👋', list: [1, [2]], object: { a: { b: 1 } } }
    for (const [key, value] of Object.entries(values)) map.set(key, value)
    map.set('bytes', new Uint8Array([1, 2, 255]))
    for (let i = 0; i < 5; i++) map.set('int', i)
    const inner = new Y.Map([['k', 'v']])
    map.set('inner', inner)
    inner.set('deeper', new Y.Map([['x', 1]]))
    inner.get('deeper').set('y', 2)
    map.delete('inner')
    map.set('inner', new Y.Map([['k', 'again']]))
    map.delete('yes')
    map.delete('bytes')
    return maps('m')
  },

  'arrays of everything'(script) {
    const a = device(script, 'alice', 21)
    const array = a.doc.getArray('a')
    array.push([1, 'two', { three: 3 }])
    array.insert(1, [new Y.Map([['in', 'array']]), null, true])
    array.delete(0, 2)
    array.insert(0, [new Y.Array()])
    array.get(0).push(['nested', 5])
    array.push([new Y.Text('text in array')])
    return (doc) => ({ a: doc.getArray('a').toJSON() })
  },

  'an editor of rich text'(script) {
    const a = device(script, 'alice', 31)
    const text = a.doc.getText('rich')
    text.applyDelta([{ insert: 'Hello ' }, { insert: 'bold', attributes: { bold: true } }, { insert: { image: 'x.png' } }, { insert: ' link', attributes: { link: { href: 'https://example.org', on: null } } }])
    text.format(0, 3, { italic: true, size: 12.5 })
    text.format(2, 6, { bold: null })
    text.insert(4, '👋', { bold: true })
    text.insertEmbed(2, new Y.Map([['embedded', 1]]))
    text.delete(1, 3)
    text.setAttribute('lang', 'en')
    return texts('rich')
  },

  'a ProseMirror document'(script) {
    const a = device(script, 'alice', 41)
    const root = a.doc.getXmlFragment('default')
    const paragraph = (string, attributes) => {
      const node = new Y.XmlElement('paragraph')
      const text = new Y.XmlText()
      text.applyDelta([{ insert: string, attributes }])
      node.insert(0, [text])
      return node
    }
    root.insert(0, [paragraph('first 👋', { strong: {} }), paragraph('second', {})])
    const list = new Y.XmlElement('bullet_list')
    const item = new Y.XmlElement('list_item')
    root.insert(1, [list])
    list.insert(0, [item])
    item.insert(0, [paragraph('deep', { em: {}, link: { href: '/' } })])
    root.get(0).setAttribute('level', 1)
    root.get(0).setAttribute('level', 2)
    root.get(0).get(0).format(0, 3, { strong: null })
    root.get(0).get(0).delete(1, 4)
    root.delete(2, 1)
    return (doc) => ({ default: doc.getXmlFragment('default').toString() })
  },

  'undo and redo'(script) {
    const a = device(script, 'alice', 51)
    const text = a.doc.getText('t')
    const map = a.doc.getMap('m')
    const undo = new Y.UndoManager([text, map], { captureTimeout: 0 })
    text.insert(0, 'one ')
    text.insert(4, 'two ')
    map.set('k', new Y.Map([['x', 1]]))
    map.set('k', 2)
    text.delete(0, 4)
    undo.undo(); undo.undo(); undo.undo(); undo.redo(); undo.redo(); undo.undo()
    text.insert(0, 'new ')
    undo.undo()
    return both
  },

  'two devices offline'(script) {
    const a = device(script, 'alice', 61)
    const b = device(script, 'bob', 62)
    a.doc.getText('t').insert(0, 'shared line')
    b.receive(a)
    a.offline = b.offline = true
    a.doc.getText('t').insert(6, ' alice 👋')
    a.doc.getMap('m').set('k', 'alice')
    b.doc.getText('t').insert(6, ' bob')
    b.doc.getText('t').delete(0, 3)
    b.doc.getMap('m').set('k', 'bob')
    b.doc.getMap('m').set('k', 'bob again')
    a.offline = b.offline = false
    a.sendState()
    b.sendState()
    a.receive(b)
    b.receive(a)
    a.sendState()
    b.doc.getText('t').insert(0, 'after: ')
    return both
  },

  'a collected document as one state'(script) {
    const a = device([], 'alice', 71)
    const map = a.doc.getMap('m')
    for (let i = 0; i < 4; i++) {
      map.set('k', new Y.Map([['text', new Y.Text('long gone')], ['n', i]]))
      map.get('k').get('text').insert(2, 'x')
    }
    const text = a.doc.getText('t')
    text.insert(0, 'abcdef')
    text.delete(1, 3)
    const b = device(script, 'alice', 72)
    b.receive(a)
    b.sendState()
    b.doc.getText('t').insert(1, 'y')
    return both
  },

  'nothing is collected'(script) {
    const a = device([], 'alice', 81, { gc: false })
    const map = a.doc.getMap('m')
    for (let i = 0; i < 4; i++) map.set('k', i)
    map.set('n', new Y.Map([['x', new Y.Text('gone')]]))
    map.delete('n')
    a.doc.getText('t').insert(0, 'a👋b')
    a.doc.getText('t').delete(1, 2)
    const b = device(script, 'alice', 82, { gc: false })
    b.receive(a)
    b.sendState()
    return both
  },

  'a late child of a deleted type'(script) {
    const a = device(script, 'alice', 91)
    const b = device(script, 'bob', 92)
    a.doc.getMap('m').set('k', new Y.Map([['t', new Y.Text('x')]]))
    b.receive(a)
    b.offline = true
    b.doc.getMap('m').get('k').get('t').insert(1, 'late')
    b.doc.getMap('m').get('k').set('late', new Y.Map([['deep', 1]]))
    b.doc.getMap('m').get('k').get('late').set('deep', 2)
    a.doc.getMap('m').delete('k')
    b.offline = false
    for (const update of b.held) script.push({ user: 'bob', data: hex(update) })
    b.receive(a)
    b.sendState()
    return maps('m')
  },

  'a conversation'(script) {
    const a = device(script, 'alice', 101)
    const agent = device(script, 'demo', 102)
    const messages = a.doc.getMap('messages')
    const message = (role, author, string) => new Y.Map([
      ['role', role], ['author', author], ['created_at', 1.7e12], ['status', 'complete'],
      ['parts', new Y.Map([['0', new Y.Map([['type', 'text'], ['text', new Y.Text(string)]])]])]
    ])
    messages.set('m1', message('user', { kind: 'user', id: 'alice', device: 'phone' }, 'Hi 👋'))
    agent.receive(a)
    agent.doc.getMap('messages').set('m2', message('assistant', { kind: 'agent', id: 'demo' }, ''))
    const answer = agent.doc.getMap('messages').get('m2')
    for (const token of ['I', ' am', ' here', ' 👋']) {
      const text = answer.get('parts').get('0').get('text')
      text.insert(text.length, token)
    }
    answer.set('status', 'done')
    return maps('messages')
  },

  'a merged update with holes'(script) {
    const a = device([], 'alice', 111)
    const steps = []
    a.doc.on('update', (update) => steps.push(update))
    for (const word of ['zero ', 'one ', 'two ', 'three ']) a.doc.getText('t').insert(a.doc.getText('t').length, word)
    const data = (update) => script.push({ user: 'alice', data: hex(update) })
    data(Y.mergeUpdates([steps[0], steps[1]]))
    data(steps[2])
    data(Y.mergeUpdates([steps[0], steps[3]]))
    return texts('t')
  },

  'a character cut in half'(script) {
    const a = device(script, 'alice', 121)
    a.doc.getText('t').insert(0, 'a👋b')
    a.doc.getText('t').delete(2, 1)
    return texts('t')
  }
}

const recorded = Object.entries(scenarios).map(([name, play]) => {
  const updates = []
  const content = play(updates)
  const reader = new Y.Doc()
  for (const { data } of updates) Y.applyUpdate(reader, Buffer.from(data, 'hex'))
  return { name, updates, content: content(reader) }
})
const target = new URL('../data/yjs_updates.json', import.meta.url)
writeFileSync(target, `${JSON.stringify(recorded, null, 1)}\n`)
