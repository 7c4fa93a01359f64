/** Reading what others wrote: order, versions, and shapes that fit nothing. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { readEntries } from '../src/entries'
import { historyOf, versionsIn } from '../src/history'
import { newId } from '../src/ids'
import { type Message, readMessage, readStoredMessage } from '../src/messages'
import { othersIn } from '../src/presence'
import { readToken } from '../src/token'
import { tokenOf } from './scripted-server'

function message(id: string, more: Partial<Message> = {}): [string, Message] {
  const author = { kind: 'user', id: 'ann', name: 'Ann' } as const
  const parts = [{ type: 'text', text: id, state: 'done' }] as const
  return [
    id,
    { id, role: 'user', author, createdAt: 1, status: 'complete', parts, text: id, ...more },
  ]
}

const ids = (messages: readonly Message[]) => messages.map(({ id }) => id)

describe('history', () => {
  const tree = new Map([
    message('a', { seq: 1, parent: null }),
    message('b', { seq: 2, parent: 'a' }),
    message('b2', { seq: 4, parent: 'a', supersedes: 'b' }),
    message('c', { seq: 3, parent: 'b' }),
    message('z'),
    message('y'),
  ])

  test('is the path from the head to the root, and then what is not placed yet', () => {
    expect(ids(historyOf(tree, 'c'))).toEqual(['a', 'b', 'c', 'y', 'z'])
    expect(ids(historyOf(tree, 'b2'))).toEqual(['a', 'b2', 'y', 'z'])
  })

  test('without a head it ends with the message placed last', () => {
    expect(ids(historyOf(tree, undefined))).toEqual(['a', 'b2', 'y', 'z'])
  })

  test('ends where parents lead in a circle or nowhere', () => {
    const circle = new Map([
      message('a', { seq: 1, parent: 'b' }),
      message('b', { seq: 2, parent: 'a' }),
      message('c', { seq: 3, parent: 'gone' }),
    ])
    expect(ids(historyOf(circle, 'b'))).toEqual(['a', 'b'])
    expect(ids(historyOf(circle, 'c'))).toEqual(['c'])
    expect(ids(historyOf(circle, 'never was'))).toEqual([])
  })

  test('finds all versions of a message, and none of what has no place', () => {
    const versions = versionsIn(tree)
    expect(versions.get('a')).toEqual(['b', 'b2'])
    expect(versions.get(null)).toEqual(['a'])
    expect([...versions.values()].flat()).not.toContain('z')
  })
})

describe('a message of the wrong shape', () => {
  const messages = new Y.Doc().getMap<unknown>('messages')
  const read = (fields: Record<string, unknown>) => {
    messages.set('id', new Y.Map(Object.entries(fields)))
    return readMessage('id', messages.get('id'), false)
  }
  const author = { kind: 'agent', id: 'demo' }

  test('is none', () => {
    expect(readMessage('id', 'a text', false)).toBeUndefined()
    expect(readMessage('id', { role: 'user', author }, false)).toBeUndefined()
    expect(read({})).toBeUndefined()
    expect(read({ role: 'admin', author })).toBeUndefined()
    expect(read({ role: 'user', author: 'ann' })).toBeUndefined()
    expect(read({ role: 'user', author: { kind: 'user', id: 7 } })).toBeUndefined()
  })

  test('is read as far as it fits', () => {
    const parts = new Y.Map<unknown>([
      ['0', 'no part'],
      ['x', new Y.Map([['type', 'text']])],
      [
        '2',
        new Y.Map<unknown>([
          ['type', 'text'],
          ['text', new Y.Text('second')],
        ]),
      ],
      [
        '1',
        new Y.Map<unknown>([
          ['type', 'text'],
          ['text', 'first '],
        ]),
      ],
      ['3', new Y.Map<unknown>([['type', 'hologram']])],
      [
        '4',
        new Y.Map<unknown>([
          ['type', 'text'],
          ['text', 17],
        ]),
      ],
    ])
    const found = read({
      role: 'assistant',
      author,
      created_at: 'yesterday',
      seq: Number.NaN,
      parent: 9,
      status: 'exploded',
      parts,
    })
    expect(found).toMatchObject({ text: 'first second', createdAt: 0, status: 'queued' })
    expect(found).not.toHaveProperty('seq')
    expect(found).not.toHaveProperty('parent')
    expect(found?.author.name).toBe('demo')
    expect(found?.parts.at(-1)).toEqual({ type: 'other', kind: 'hologram' })
  })

  test('over HTTP is read the same way', () => {
    const parts = [{ type: 'text', text: 'hello', state: 'done' }]
    const stored = {
      id: 'm',
      role: 'user',
      author: { kind: 'user', id: 'ann' },
      seq: 3,
      parent: null,
    }
    expect(readStoredMessage({ ...stored, parts })).toMatchObject({
      id: 'm',
      text: 'hello',
      seq: 3,
    })
    expect(readStoredMessage({ ...stored, parts: 'x' })).toMatchObject({ text: '' })
    expect(readStoredMessage({ parts })).toBeUndefined()
  })
})

test('entries are read whole or not at all, and say when they are old', () => {
  const map = new Y.Doc().getMap<unknown>('context')
  map.set('a', { value: 'Lisbon', source: 'user', by: 'ann', observed_at: 1_000 })
  map.set('b', { value: 21, observed_at: 1_000, max_age: 500 })
  map.set('c', 'no entry')
  map.set('d', { source: 'user' })
  const entries = readEntries(map, 2_000)
  expect(entries.map(({ key }) => key)).toEqual(['a', 'b'])
  expect(entries.map(({ isStale }) => isStale)).toEqual([false, true])
})

test('presence of any shape is cut to what can be shown', () => {
  const states = new Map<number, unknown>([
    [1, { user: { id: 'me' } }],
    [2, { user: { id: 'ann', name: 'x'.repeat(5_000) }, typing: 'yes', viewing: 'all' }],
    [3, { user: 'ann' }],
    [4, null],
    [5, { user: { id: 'ben', name: 'Ben' }, typing: true, viewing: { artifact: 'plan', head: 3 } }],
  ])
  const others = othersIn(states, 1)
  expect(others.map(({ connectionId }) => connectionId)).toEqual([2, 5])
  expect(others[0]?.user.name).toHaveLength(100)
  expect(others.map(({ typing }) => typing)).toEqual([false, true])
  expect(others[1]?.viewing).toEqual({ artifact: 'plan' })
})

test('ids are UUIDs of version 7 that rise, whatever the clock does', () => {
  const made = [newId(5), newId(5), newId(1), newId(Date.now()), newId(3)]
  expect([...made].sort()).toEqual(made)
  for (const id of made) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

test('a token says for whom it speaks, or that it is none', () => {
  expect(readToken(tokenOf('zoë', { name: 'Zoë', sessions: { trip: 'viewer' } }))).toEqual({
    user: 'zoë',
    name: 'Zoë',
    device: '',
    sessions: ['trip'],
  })
  for (const odd of ['', 'x', 'a.b.c', `a.${btoa('[]')}.c`, `a.${btoa('{"sub":7}')}.c`]) {
    expect(() => readToken(odd)).toThrow('no sign-in token')
  }
})
