/** What a device keeps: over reloads, beside other tabs, on a full disk, and without any disk. */
import { IDBFactory } from 'fake-indexeddb'
import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { openStore, type Store } from '../src/store'

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
})

/** A document whose updates go to a store. */
function kept(store: Store, name = 'trip'): Y.Doc {
  const doc = new Y.Doc()
  doc.on('update', (update: Uint8Array) =>
    store.append(name, update, true, () => Y.encodeStateAsUpdate(doc)),
  )
  return doc
}

async function restored(store: Store, name = 'trip'): Promise<Y.Doc> {
  const doc = new Y.Doc()
  for (const update of (await store.load(name)).updates) Y.applyUpdate(doc, update)
  return doc
}

test('what was kept is there after a reload, with what is unsaved', async () => {
  const store = await openStore('ann')
  const doc = kept(store)
  doc.getText('t').insert(0, 'hello')
  store.settle('trip', Y.encodeStateVector(doc))
  doc.getText('t').insert(5, ' world')
  await store.flushed()
  store.close()
  const reopened = await openStore('ann')
  const stored = await reopened.load('trip')
  expect(stored.hasUnsaved).toBe(true)
  expect(Y.decodeStateVector(stored.acknowledged ?? new Uint8Array()).get(doc.clientID)).toBe(5)
  expect((await restored(reopened)).getText('t').toString()).toBe('hello world')
})

test('users and documents do not see each other', async () => {
  const ann = await openStore('ann')
  kept(ann).getText('t').insert(0, 'private')
  await ann.flushed()
  expect((await (await openStore('ben')).load('trip')).updates).toEqual([])
  expect((await ann.load('other')).updates).toEqual([])
})

test('two tabs that compact at the same time lose nothing', async () => {
  const tabs = [await openStore('ann'), await openStore('ann')]
  const docs = tabs.map((store) => kept(store))
  for (let round = 0; round < 700; round++) {
    docs.forEach((doc, index) => {
      doc.getMap(`of ${index}`).set(`key ${round % 50}`, round)
    })
  }
  for (const store of tabs) await store.flushed()
  const store = await openStore('ann')
  expect((await store.load('trip')).updates.length).toBeLessThan(1_000)
  const doc = await restored(store)
  for (const index of [0, 1]) {
    expect(doc.getMap(`of ${index}`).toJSON()).toEqual(docs[index]?.getMap(`of ${index}`).toJSON())
  }
})

describe('a disk that is full', () => {
  test('is said, and once there is room the copy has no hole', async () => {
    const store = await openStore('ann')
    const doc = kept(store)
    doc.getText('t').insert(0, 'one ')
    await store.flushed()
    const full = vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    doc.getText('t').insert(4, 'two ')
    await store.flushed()
    expect(store.state).toMatchObject({ kind: 'memory' })
    expect(store.state.reason).toContain('full')
    full.mockRestore()
    doc.getText('t').insert(8, 'three')
    await store.flushed()
    expect(store.state).toEqual({ kind: 'disk' })
    expect((await restored(store)).getText('t').toString()).toBe('one two three')
  })
})

test('without a disk it works in memory and says so', async () => {
  vi.stubGlobal('indexedDB', undefined)
  const store = await openStore('ann')
  expect(store.state).toEqual({ kind: 'memory', reason: 'This browser has no IndexedDB.' })
  await store.layAside([{ id: 'm', document: 'trip', text: 'kept', createdAt: 1 }])
  expect(await store.asides('trip')).toHaveLength(1)
})

test('a disk that never answers is not waited for', async () => {
  vi.useFakeTimers()
  vi.stubGlobal('indexedDB', { open: () => ({}) })
  const opening = openStore('ann')
  await vi.advanceTimersByTimeAsync(6_000)
  expect((await opening).state.kind).toBe('memory')
  vi.useRealTimers()
})

test('starting over leaves other documents, asides, and what comes after it', async () => {
  const store = await openStore('ann')
  kept(store, 'trip').getText('t').insert(0, 'gone')
  kept(store, 'other').getText('t').insert(0, 'stays')
  const aside = { id: 'm', document: 'trip', text: 'aside', createdAt: 1 }
  const done = store.startOver('trip', [aside])
  kept(store, 'trip').getText('t').insert(0, 'fresh')
  await done
  await store.flushed()
  expect((await restored(store, 'trip')).getText('t').toString()).toBe('fresh')
  expect((await restored(store, 'other')).getText('t').toString()).toBe('stays')
  expect(await store.asides('trip')).toHaveLength(1)
  await store.dropAside('m')
  expect(await store.asides('trip')).toEqual([])
})
