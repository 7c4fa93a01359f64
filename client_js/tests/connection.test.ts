/** How a connection is kept, lost and found again, against a scripted server and a scripted clock. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { type Client, createClient, MemoryStore, type Session, updateText } from '../src'
import { Backoff } from '../src/backoff'
import { addMessage } from '../src/messages'
import { ScriptedServer, tokenOf } from './scripted-server'

let server: ScriptedServer
let client: Client
let session: Session

beforeEach(async () => {
  vi.useFakeTimers()
  server = new ScriptedServer()
  client = createClient({
    url: 'http://segue.test',
    token: tokenOf('ann'),
    device: { id: 'phone' },
    WebSocket: server.WebSocket,
    store: new MemoryStore('a test'),
  })
  session = client.enterSession('trip')
  await pass(10)
})

afterEach(() => {
  client.destroy()
  vi.useRealTimers()
})

/** Lets time pass, and what it sets off come to rest. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

test('nothing is connected before there is a document', async () => {
  const other = new ScriptedServer()
  const idle = createClient({
    url: 'http://segue.test',
    token: tokenOf('ann'),
    WebSocket: other.WebSocket,
    store: new MemoryStore('a test'),
  })
  await pass(60_000)
  expect(other.sockets).toHaveLength(0)
  idle.destroy()
})

test('who answers is called anew as soon as they have said who they are', async () => {
  const author = { kind: 'user', id: 'ben', name: 'Ben' } as const
  server.doc.getMap('session').set('settings', { responder: 'person:ben' })
  server.broadcast('trip', Y.encodeStateAsUpdate(server.doc))
  await pass(10)
  let told = 0
  session.subscribe('info', () => told++)
  expect(session.responder.name).toBe('ben')
  addMessage(server.doc, { id: 'm', author, text: 'I am here.', createdAt: 1 })
  server.broadcast('trip', Y.encodeStateAsUpdate(server.doc))
  await pass(10)
  expect(told).toBe(1)
  expect(session.responder.name).toBe('Ben')
})

test('a line that went silent is found within ten seconds, and another is made', async () => {
  expect(session.getStatus()).toBe('connected')
  await pass(6_000)
  server.answers = false
  await pass(10_000)
  expect(session.getStatus()).not.toBe('connected')
  server.answers = true
  await pass(30_000)
  expect(session.getStatus()).toBe('connected')
})

test('a line that answers pings is left alone', async () => {
  await pass(120_000)
  expect(server.sockets).toHaveLength(1)
  expect(server.kinds('trip').filter((kind) => kind === 'stateless ping').length).toBeGreaterThan(
    30,
  )
})

test('an attempt that nobody answers is given up', async () => {
  server.answers = false
  server.socket.drop(1006)
  await pass(30_000)
  expect(server.sockets.length).toBeGreaterThan(2)
})

test('a server that is away is asked ever less often', async () => {
  server.isUp = false
  server.socket.drop(1006)
  await pass(60_000)
  const first = server.sockets.length
  await pass(600_000)
  const later = server.sockets.length - first
  expect(first).toBeLessThan(12)
  expect(later).toBeGreaterThanOrEqual(600 / 30 - 1)
  expect(later).toBeLessThanOrEqual(600 / 15 + 1)
})

test('a server that accepts and then drops is asked ever less often, too', async () => {
  server.socket.drop(1013, 'Starting.')
  for (let second = 0; second < 60; second++) {
    await pass(1_000)
    if (server.socket.readyState === 1) server.socket.drop(1013, 'Starting.')
  }
  expect(server.sockets.length).toBeLessThan(12)
})

test('a connection that has held is followed by a quick return', async () => {
  server.isUp = false
  server.socket.drop(1006)
  await pass(60_000)
  server.isUp = true
  await pass(60_000)
  expect(session.getStatus()).toBe('connected')
  const before = server.sockets.length
  server.socket.drop(1012, 'The server restarts.')
  await pass(1_000)
  expect(server.sockets.length).toBe(before + 1)
  expect(session.getStatus()).toBe('connected')
})

test('a final refusal of the whole connection is told, and nobody comes back', async () => {
  server.socket.drop(4403, 'This origin may not connect. Set SEGUE_ORIGINS.')
  await pass(300_000)
  expect(server.sockets).toHaveLength(1)
  expect(session.getSaveState()).toMatchObject({
    kind: 'ended',
    reason: 'This origin may not connect. Set SEGUE_ORIGINS.',
  })
})

test('a network that is cut stays cut, and comes back at once', async () => {
  client.cutNetwork(true)
  expect(session.getSaveState().kind).toBe('offline')
  await pass(120_000)
  expect(server.sockets).toHaveLength(1)
  client.cutNetwork(false)
  await pass(10)
  expect(session.getSaveState().kind).toBe('saved')
})

test('waits grow from about one second to half a minute, spread by half', () => {
  const longest = new Backoff(() => 1)
  const shortest = new Backoff(() => 0)
  const waits = Array.from({ length: 8 }, () => [shortest.nextMs(), longest.nextMs()])
  expect(waits[0]).toEqual([500, 1_000])
  expect(waits.at(-1)).toEqual([15_000, 30_000])
})

describe('what goes over the line', () => {
  test('after an offline spell the handshake comes first, and carries what was typed', async () => {
    server.socket.drop(1006)
    await session.sendMessage('typed offline')
    for (const typing of [true, false, true]) session.updatePresence({ typing })
    server.received.length = 0
    await pass(3_000)
    const kinds = server.kinds('trip').filter((kind) => !kind.startsWith('stateless'))
    expect(kinds.slice(0, 2)).toEqual(['token', 'step 1'])
    expect(kinds).not.toContain('update')
    expect(kinds.filter((kind) => kind === 'awareness')).toHaveLength(1)
    expect(server.doc.getMap('messages').size).toBe(1)
  })

  test('presence is told a few times a second at most, and the latest always', async () => {
    await pass(1_000)
    server.received.length = 0
    for (let step = 0; step < 100; step++) {
      session.updatePresence({ viewing: { artifact: 'plan', head: `${step}` } })
      await pass(10)
    }
    await pass(1_000)
    const told = server.received.filter(({ kind }) => kind === 'awareness')
    expect(told.length).toBeLessThanOrEqual(9)
    expect(new TextDecoder().decode(told.at(-1)?.bytes)).toContain('"head":"99"')
  })

  test('what is typed while a fresh token is awaited does not go in front of the handshake', async () => {
    const slow = new ScriptedServer()
    const other = createClient({
      url: 'http://segue.test',
      token: () => new Promise((resolve) => setTimeout(() => resolve(tokenOf('ann')), 1_000)),
      WebSocket: slow.WebSocket,
      store: new MemoryStore('a test'),
    })
    const trip = other.enterSession('trip')
    await pass(5_000)
    slow.socket.drop(1006)
    await pass(1_500)
    expect(slow.socket.readyState).toBe(1)
    slow.received.length = 0
    await trip.sendMessage('typed meanwhile')
    expect(slow.kinds('trip')).toEqual([])
    await pass(3_000)
    expect(slow.doc.getMap('messages').size).toBe(1)
    other.destroy()
  })

  test('the confirmation that an earlier provider left does not stop edits', async () => {
    server.confirmLeft('trip')
    await session.sendMessage('still sent')
    expect(server.doc.getMap('messages').size).toBe(1)
    expect(session.getSyncStatus()).toBe('synchronized')
  })
})

describe('saved', () => {
  test('is said when the server has acknowledged, and not before', async () => {
    server.acknowledges = false
    await session.sendMessage('one')
    await session.sendMessage('two')
    expect(session.getSaveState()).toMatchObject({ kind: 'saving', waiting: 2 })
    server.acknowledge('trip')
    expect(session.getSaveState()).toMatchObject({ kind: 'saving', waiting: 2 })
    server.acknowledge('trip')
    expect(session.getSaveState()).toMatchObject({ kind: 'saved', waiting: 0 })
  })

  test('is never said with something unsaved, over fifty lost connections', async () => {
    for (let round = 0; round < 50; round++) {
      server.acknowledges = false
      await session.sendMessage(`round ${round}`)
      expect(session.getSyncStatus()).toBe('synchronizing')
      server.socket.drop(1006)
      expect(session.getSyncStatus()).toBe('synchronizing')
      server.acknowledges = true
      await pass(40_000)
      expect(session.getSyncStatus()).toBe('synchronized')
    }
    expect(server.doc.getMap('messages').size).toBe(50)
  })

  test('comes true in the end when an acknowledgement got lost', async () => {
    server.acknowledges = false
    await session.sendMessage('its acknowledgement never comes')
    server.acknowledges = true
    await pass(15_000)
    expect(session.getSyncStatus()).toBe('synchronized')
  })

  test("another device's message is saved from the start", async () => {
    server.acknowledges = false
    await session.sendMessage('mine')
    const update = await new Promise<Uint8Array>((resolve) => {
      server.doc.once('update', resolve)
      server.doc.transact(() =>
        addMessage(server.doc, {
          id: 'other',
          author: { kind: 'user', id: 'ann', name: 'Ann', device: 'laptop' },
          text: 'from the laptop',
          createdAt: 1,
        }),
      )
    })
    server.broadcast('trip', update)
    const found = session.messages.find(({ id }) => id === 'other')
    expect(found?.status).not.toBe('sending')
    expect(session.getSaveState().waiting).toBe(1)
  })
})

test('older messages are fetched where the document holds only the recent part', async () => {
  const author = { kind: 'user', id: 'ann', name: 'Ann' } as const
  const stored = (id: string, seq: number, parent: string | null) => {
    const parts = [{ type: 'text', text: id, state: 'done' }]
    return { id, role: 'user', author, created_at: 1, status: 'complete', seq, parent, parts }
  }
  server.doc.transact(() => {
    addMessage(server.doc, { id: 'new', author, text: 'new', createdAt: 1 })
    const message = server.doc.getMap('messages').get('new') as Y.Map<unknown>
    message.set('seq', 3)
    message.set('parent', 'old')
    server.doc.getMap('session').set('head', 'new')
  })
  server.broadcast('trip', Y.encodeStateAsUpdate(server.doc))
  const asked: string[] = []
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url)
    return Response.json({ messages: [stored('oldest', 1, null), stored('old', 2, 'oldest')] })
  })
  expect(session.messages.map(({ id }) => id)).toEqual(['new'])
  expect(await session.loadOlder()).toBe(true)
  expect(session.messages.map(({ id }) => id)).toEqual(['oldest', 'old', 'new'])
  expect(asked).toEqual(['http://segue.test/v1/sessions/trip/messages?before=3&limit=50'])
  expect(await session.loadOlder()).toBe(false)
})

describe('refusals', () => {
  test('a viewer may not write, and what was written before is kept for them', async () => {
    client.cutNetwork(true)
    await session.sendMessage('written as an editor')
    server.scope = 'readonly'
    client.cutNetwork(false)
    await pass(100)
    expect(session.canWrite).toBe(false)
    expect(session.asides).toMatchObject([{ text: 'written as an editor' }])
    expect(session.asides[0]?.refused).toContain('only read')
    expect(session.getSaveState().kind).toBe('saved')
    await expect(session.sendMessage('more')).rejects.toThrow('only read')
    expect(() => session.stop('some run')).toThrow('only read')
  })

  test('what is refused again when offered alone is kept aside, and the rest gets through', async () => {
    server.refuses = ({ kind, bytes }) =>
      kind === 'update' && new TextDecoder().decode(bytes).includes('poison')
        ? '4400 The change was refused: poison.'
        : undefined
    await session.sendMessage('good')
    await session.sendMessage('poison')
    await pass(1_000)
    await session.sendMessage('more')
    await pass(1_000)
    expect(session.messages.map(({ text }) => text)).toEqual(['good', 'more'])
    expect(session.asides).toMatchObject([
      { text: 'poison', refused: 'The change was refused: poison.' },
    ])
    expect(session.getSaveState().kind).toBe('saved')
    await session.dropAside(session.asides[0]?.id ?? '')
    expect(session.asides).toEqual([])
  })

  test('what is sent in the very moment of a refusal is not lost', async () => {
    server.refuses = ({ kind, bytes }) =>
      kind === 'update' && new TextDecoder().decode(bytes).includes('poison')
        ? '4400 The change was refused: poison.'
        : undefined
    await session.sendMessage('poison')
    await session.sendMessage('right after')
    await pass(1_000)
    expect(session.messages.map(({ text }) => text)).toEqual(['right after'])
    expect(server.doc.getMap('messages').size).toBe(1)
  })

  test('a half-typed text outlives a home that starts over', async () => {
    const { home } = client
    await pass(10)
    client.cutNetwork(true)
    updateText(home.draft('trip'), 'half a thought')
    let isOld = true
    server.refuses = ({ name, kind }) => {
      if (!isOld || name !== 'home' || kind !== 'step 1') return undefined
      isOld = false
      return '4412 It was rewritten since this copy was made.'
    }
    client.cutNetwork(false)
    await pass(1_000)
    expect(home.draft('trip').toString()).toBe('half a thought')
    expect(server.doc.getText('draft:trip').toString()).toBe('half a thought')
  })

  test('a new generation starts over, with new client ids and what was unsent', async () => {
    const { doc } = session
    client.cutNetwork(true)
    await session.sendMessage('unsent')
    let isOld = true
    server.refuses = ({ kind }) => {
      if (!isOld || kind !== 'step 1') return undefined
      isOld = false
      return '4412 The session was rewritten since this copy was made.'
    }
    client.cutNetwork(false)
    await pass(1_000)
    expect(session.doc).not.toBe(doc)
    expect(session.doc.clientID).not.toBe(doc.clientID)
    expect(session.messages.map(({ text }) => text)).toEqual(['unsent'])
    expect(session.asides).toEqual([])
  })

  test('a deleted session is wiped, whatever was unsent', async () => {
    await session.sendMessage('to be gone')
    server.deny('trip', '4410 The session was deleted.')
    await pass(10)
    expect(session.messages).toEqual([])
    expect(session.asides).toEqual([])
    expect(session.ending).toMatchObject({ code: 4410, action: 'wipe' })
  })

  test('a session that waits for an operator is tried again', async () => {
    server.deny('trip', '4504 The stored session can not be opened.')
    await pass(10)
    expect(session.ending?.code).toBe(4504)
    await pass(31_000)
    expect(session.ending).toBeUndefined()
    expect(session.getSaveState().kind).toBe('saved')
  })

  test('refused for ever, it does not start over for ever', async () => {
    server.refuses = ({ kind }) => (kind === 'step 1' ? '4400 Never.' : undefined)
    server.socket.drop(1006)
    await pass(600_000)
    expect(session.ending).toMatchObject({ reason: 'Never.', action: 'stop' })
    expect(server.kinds('trip').filter((kind) => kind === 'step 1').length).toBeLessThan(40)
  })
})
