import { expect, test } from 'vitest'
import * as Y from 'yjs'
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
    { responder: 'person:ann', handed_over: { name: 7 } },
    { kind: 'person', id: 'ann', name: 'ann' },
  ],
  [
    { responder: 'person:ann', handed_over: null },
    { kind: 'person', id: 'ann', name: 'ann' },
  ],
])('%j says who answers', (settings, responder) => {
  expect(readResponder(docWith(settings))).toEqual(responder)
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
  expect(readResponder(doc)).toEqual({ kind: 'person', id: 'ann', name: 'Ann' })
  handOver(doc, ben)
  expect(readResponder(doc)).toEqual({ kind: 'person', id: 'ben', name: 'Ben' })
  giveBack(doc)
  expect(settingsOf(doc)).toEqual(after)
})

test('a person called like an agent is not that agent', () => {
  const doc = docWith()
  handOver(doc, { kind: 'user', id: 'demo', name: 'Demo' })
  expect(settingsOf(doc)).toMatchObject({ responder: 'person:demo' })
})
