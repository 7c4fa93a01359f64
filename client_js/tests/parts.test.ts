import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { readMessage } from '../src/messages'

function partsOf(...parts: readonly Record<string, unknown>[]) {
  const map = new Y.Doc().getMap<unknown>('messages')
  const message = new Y.Map<unknown>([
    ['role', 'assistant'],
    ['author', { kind: 'agent', id: 'demo' }],
  ])
  map.set('m', message)
  const shared = message.set('parts', new Y.Map<unknown>())
  for (const [index, part] of parts.entries())
    shared.set(`${index}`, new Y.Map(Object.entries(part)))
  return readMessage('m', message, false)?.parts
}

test('a tool call is read with its decision and its result', () => {
  const call = { type: 'tool', tool_call_id: 'c', name: 'hold_seat', args: { seat: '12A' } }
  const approval = { id: 'a', approved: true, by: 'ann' }
  expect(partsOf({ ...call, state: 'output-available', approval, output: 'held' })).toEqual([
    {
      type: 'tool',
      id: 'c',
      name: 'hold_seat',
      args: { seat: '12A' },
      state: 'output-available',
      output: 'held',
      decidedBy: 'ann',
    },
  ])
})

test('what an agent thought is told apart from what it says', () => {
  const said = { type: 'text', text: 'Yes.' }
  const parts = partsOf({ type: 'reasoning', text: 'Hm.', state: 'streaming' }, said)
  expect(parts?.map((part) => part.type)).toEqual(['reasoning', 'text'])
})

test.each([
  { type: 'tool' },
  { type: 'tool', tool_call_id: 7, state: 'x' },
  { type: 'tool', tool_call_id: 'c', state: null },
])('a call without what it needs is shown by nobody: %j', (part) => {
  expect(partsOf(part)).toEqual([])
})

test.each([
  { args: 'no object' },
  { args: null },
  { args: ['a'] },
  { approval: 'yes' },
  { name: 1 },
])('odd fields of a call harm nothing: %j', (odd) => {
  const [part] = partsOf({ type: 'tool', tool_call_id: 'c', state: 's', ...odd }) ?? []
  expect(part).toEqual({ type: 'tool', id: 'c', name: '', args: {}, state: 's' })
})

test('a source has an address, and is called like it where it has no title', () => {
  const url = 'https://example.com'
  expect(partsOf({ type: 'source', url, title: 'Example' })).toEqual([
    { type: 'source', url, title: 'Example' },
  ])
  expect(partsOf({ type: 'source', url, title: 7 })).toEqual([{ type: 'source', url, title: url }])
  expect(partsOf({ type: 'source', title: 'Nowhere' })).toEqual([])
})

const REF = 'a'.repeat(64)

test('a file is read as its writer describes it', () => {
  const file = { type: 'file', ref: REF, media_type: 'image/png', name: 'a.png', size: 3 }
  expect(partsOf(file)).toEqual([
    { type: 'file', ref: REF, mediaType: 'image/png', name: 'a.png', size: 3 },
  ])
})

test.each([{}, { ref: 7 }, { ref: '../../v1/sessions' }, { ref: `${REF}a` }])(
  'a file without a name that could be one is shown by nobody: %j',
  (odd) => {
    expect(partsOf({ type: 'file', name: 'a', media_type: 'a/b', size: 1, ...odd })).toEqual([])
  },
)

test('odd fields of a file harm nothing', () => {
  const odd = { name: 7, media_type: ['image/png'], size: -1 }
  expect(partsOf({ type: 'file', ref: REF, ...odd })).toEqual([
    { type: 'file', ref: REF, mediaType: '', name: 'file', size: 0 },
  ])
  const [long] = partsOf({ type: 'file', ref: REF, name: 'x'.repeat(9999), size: '3' }) ?? []
  expect(long).toMatchObject({ name: 'x'.repeat(255), size: 0 })
})
