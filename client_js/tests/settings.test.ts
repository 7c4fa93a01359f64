import { expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Message } from '../src/messages'
import { giveBack, handOver, readResponder } from '../src/settings'

const ann = { kind: 'user', id: 'ann', name: 'Ann' } as const
const ben = { kind: 'user', id: 'ben', name: 'Ben' } as const

function docWith(settings?: unknown): Y.Doc {
  const doc = new Y.Doc()
  if (settings !== undefined) doc.getMap('session').set('settings', settings)
  return doc
}

const settingsOf = (doc: Y.Doc) => doc.getMap('session').get('settings')

test.each([
  [undefined, { kind: 'agent', id: '', name: '' }],
  [{}, { kind: 'agent', id: '', name: '' }],
  [{ responder: 'demo' }, { kind: 'agent', id: 'demo', name: 'demo' }],
  [{ responder: 'none' }, { kind: 'none', id: '', name: '' }],
  [{ responder: 7 }, { kind: 'none', id: '', name: '' }],
  [{ responder: 'person:ann' }, { kind: 'person', id: 'ann', name: 'ann' }],
  [
    { responder: 'person:ann', handed_over: { name: 'Alice' } },
    { kind: 'person', id: 'ann', name: 'ann' },
  ],
  [
    { responder: 'person:ann', handed_over: null },
    { kind: 'person', id: 'ann', name: 'ann' },
  ],
])('%j says who answers', (settings, responder) => {
  expect(readResponder(docWith(settings), [])).toEqual(responder)
})

test.each([
  [undefined, {}],
  [
    { responder: 'demo', while_running: 'reject' },
    { responder: 'demo', while_running: 'reject' },
  ],
])('a person takes over from %j and gives back', (before, after) => {
  const doc = docWith(before)
  handOver(doc, ann)
  expect(readResponder(doc, [])).toMatchObject({ kind: 'person', id: 'ann' })
  handOver(doc, ben)
  expect(readResponder(doc, [])).toMatchObject({ kind: 'person', id: 'ben' })
  giveBack(doc)
  expect(settingsOf(doc)).toEqual(after)
})

test('a person called like an agent is not that agent', () => {
  const doc = docWith()
  handOver(doc, { kind: 'user', id: 'demo', name: 'Demo' })
  expect(settingsOf(doc)).toMatchObject({ responder: 'person:demo' })
})

test('a person has the name that they gave themselves last, whatever others wrote', () => {
  const by = (kind: 'user' | 'agent', id: string, name: string) =>
    ({ author: { kind, id, name } }) as Message
  const messages = [
    by('user', 'ann', 'Annie'),
    by('user', 'ann', 'Ann'),
    by('agent', 'ann', 'Agent'),
    by('user', 'ben', 'Ben'),
  ]
  const settings = { responder: 'person:ann', handed_over: { name: 'Alice', from: 'demo' } }
  expect(readResponder(docWith(settings), messages).name).toBe('Ann')
  expect(readResponder(docWith({ responder: 'person:eve' }), messages).name).toBe('eve')
})
