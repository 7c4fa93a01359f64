/** The client against the real server, as it is used: nothing is scripted. */
import 'fake-indexeddb/auto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Client, createClient, updateText } from '../src'
import { newId } from '../src/ids'
import { readStoredMessage } from '../src/messages'
import { NodeSocket } from './node-socket'
import { hasServer, RealServer } from './real-server'
import { until } from './until'

const MAX_UPDATE_BYTES = 65_536

describe.skipIf(!hasServer)('with a real server', () => {
  let server: RealServer
  const clients: Client[] = []

  beforeAll(async () => {
    server = await RealServer.start({ SEGUE_MAX_UPDATE: `${MAX_UPDATE_BYTES}` })
  })
  afterAll(() => server?.stop())
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
  })

  function device(user: string, id: string, claims?: Record<string, unknown>): Client {
    const client = createClient({
      url: server.url,
      token: server.token(user, claims),
      device: { id, kind: 'program', label: id },
      WebSocket: NodeSocket,
    })
    clients.push(client)
    return client
  }

  const texts = (session: { messages: readonly { text: string }[] }) =>
    session.messages.map(({ text }) => text)

  test('a message shows up on the other device, and is saved on the first', async () => {
    const id = newId()
    const phone = device('ann', 'phone').enterSession(id)
    const laptop = device('ann', 'laptop').enterSession(id)
    await phone.sendMessage('Lisbon in May?')
    expect(phone.messages[0]?.status).toBe('sending')
    await until(() => phone.getSyncStatus() === 'synchronized')
    await until(() => laptop.messages.length === 1)
    expect(laptop.messages[0]).toMatchObject({
      text: 'Lisbon in May?',
      author: { kind: 'user', id: 'ann', device: 'phone' },
    })
    expect(laptop.messages[0]?.status).not.toBe('sending')
    expect(phone.getSaveState()).toMatchObject({ kind: 'saved', waiting: 0 })
  })

  test('devices see each other come and go', async () => {
    const id = newId()
    const phone = device('ann', 'phone').enterSession(id)
    const laptopClient = device('ann', 'laptop')
    laptopClient.enterSession(id).updatePresence({ typing: true })
    await until(() => phone.getOthers().some(({ device, typing }) => device === 'laptop' && typing))
    laptopClient.leaveSession(id)
    await until(() => phone.getOthers().length === 0)
  })

  test('what is typed offline is counted, outlives the page, and arrives once', async () => {
    const id = newId()
    const before = device('ann', 'phone')
    const session = before.enterSession(id)
    await until(() => session.isSynced)
    before.cutNetwork(true)
    await session.sendMessage('from the tunnel')
    await session.sendMessage('still there')
    expect(session.getSaveState()).toMatchObject({ kind: 'offline', waiting: 2 })
    await before.kept()
    before.destroy()

    const reloaded = device('ann', 'phone')
    reloaded.cutNetwork(true)
    const again = reloaded.enterSession(id)
    await until(() => again.messages.length === 2)
    expect(again.getSaveState()).toMatchObject({ kind: 'offline', waiting: 2 })
    reloaded.cutNetwork(false)
    await until(() => again.getSaveState().kind === 'saved')

    const laptop = device('ann', 'laptop').enterSession(id)
    await until(() => laptop.messages.length === 2)
    expect(texts(laptop)).toEqual(['from the tunnel', 'still there'])
  })

  test('two tabs of a device share the stored copy and deliver once', async () => {
    const id = newId()
    const first = device('ann', 'phone')
    const one = first.enterSession(id)
    await until(() => one.isSynced)
    first.cutNetwork(true)
    await one.sendMessage('typed in the first tab')
    await first.kept()
    const second = device('ann', 'phone')
    const other = second.enterSession(id)
    await until(() => other.getSaveState().kind === 'saved' && other.messages.length === 1)
    first.cutNetwork(false)
    await until(() => one.getSaveState().kind === 'saved')
    expect(texts(one)).toEqual(['typed in the first tab'])
    expect(texts(other)).toEqual(['typed in the first tab'])
  })

  test('a killed server loses nothing that was saved, and devices come back by themselves', async () => {
    const id = newId()
    const phone = device('ann', 'phone').enterSession(id)
    const laptop = device('ann', 'laptop').enterSession(id)
    await phone.sendMessage('saved before')
    await until(() => phone.getSaveState().kind === 'saved')
    await server.kill()
    await until(() => phone.getStatus() !== 'connected')
    await phone.sendMessage('typed while it was down')
    expect(phone.getSaveState().waiting).toBe(1)
    await server.start()
    await until(() => phone.getSaveState().kind === 'saved', 40_000)
    await until(() => laptop.messages.length === 2, 40_000)
    expect(texts(laptop)).toEqual(['saved before', 'typed while it was down'])
  }, 90_000)

  test('drafts typed on two devices at once both survive', async () => {
    const id = newId()
    const phone = device('ann', 'phone')
    const laptop = device('ann', 'laptop')
    for (const each of [phone, laptop]) await until(() => each.home.isSynced)
    for (const each of [phone, laptop]) each.cutNetwork(true)
    updateText(phone.home.draft(id), 'from the phone')
    updateText(laptop.home.draft(id), 'from the laptop')
    for (const each of [phone, laptop]) each.cutNetwork(false)
    await until(() => phone.home.draft(id).length === 29 && laptop.home.draft(id).length === 29)
    expect(phone.home.draft(id).toString()).toBe(laptop.home.draft(id).toString())
    expect(phone.home.draft(id).toString()).toContain('from the phone')
    expect(phone.home.draft(id).toString()).toContain('from the laptop')
  })

  test('a refused replica starts over and brings along what it held', async () => {
    const id = newId()
    const client = device('ann', 'phone')
    const session = client.enterSession(id)
    await session.sendMessage('before')
    await until(() => session.getSaveState().kind === 'saved')
    const doc = session.doc
    client.cutNetwork(true)
    await session.sendMessage('worth keeping')
    doc.getMap('messages').set('forged', 'no message at all') // the gate refuses it, for good
    client.cutNetwork(false)
    await until(() => session.doc !== doc)
    await until(() => session.messages.length === 2 && session.getSaveState().kind === 'saved')
    expect(texts(session)).toEqual(['before', 'worth keeping'])
    expect(session.asides).toEqual([])
    const laptop = device('ann', 'laptop').enterSession(id)
    await until(() => laptop.messages.length === 2)
    expect(laptop.doc.getMap('messages').has('forged')).toBe(false)
  })

  test('a message over the limit is kept aside with the reason, and the others get through', async () => {
    const client = device('ann', 'phone')
    const session = client.enterSession(newId())
    const other = client.enterSession(newId())
    await until(() => session.isSynced && other.isSynced)
    await session.sendMessage('before')
    await session.sendMessage('x'.repeat(MAX_UPDATE_BYTES + 1))
    await session.sendMessage('after')
    await until(() => session.getSaveState().kind === 'saved' && session.asides.length === 1)
    await until(() => session.messages.length === 2)
    expect(texts(session)).toEqual(['before', 'after'])
    expect(session.asides[0]?.refused).toContain('SEGUE_MAX_UPDATE')
    await other.sendMessage('on the same socket')
    await until(() => other.getSaveState().kind === 'saved')
    expect(client.getStatus()).toBe('connected')
  })

  test("a stale device's message removes nothing that others wrote meanwhile", async () => {
    const id = newId()
    const stale = device('ann', 'phone')
    const there = stale.enterSession(id)
    const here = device('ann', 'laptop').enterSession(id)
    for (const text of ['1', '2', '3']) await here.sendMessage(text)
    await until(() => there.messages.length === 3)
    stale.cutNetwork(true)
    for (const text of ['4', '5', '6', '7', '8', '9', '10']) await here.sendMessage(text)
    await there.sendMessage('from the past')
    stale.cutNetwork(false)
    const all = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', 'from the past']
    for (const session of [here, there]) {
      await until(() => session.messages.length === 11)
      await until(() => session.messages.every(({ seq }) => seq !== undefined))
      expect(texts(session)).toEqual(all)
    }
  })

  test('over thousands of edits and fifty lost connections, saved is never said too early', async () => {
    const id = newId()
    const client = device('ann', 'phone')
    const session = client.enterSession(id)
    await until(() => session.isSynced)
    const name = session.artifacts.create('Notes')
    const witness = device('ann', 'laptop').enterSession(id)
    let written = 0
    for (let round = 0; round < 50; round++) {
      for (let edit = 0; edit < 50; edit++) {
        session.artifacts.text(name).insert(written++, 'x')
        if (edit % 10 === 4) await new Promise((resolve) => setImmediate(resolve))
      }
      expect(session.getSyncStatus()).toBe('synchronizing')
      client.cutNetwork(true)
      expect(session.getSyncStatus()).toBe('synchronizing')
      client.cutNetwork(false)
      if (round % 10 === 9) await until(() => session.getSyncStatus() === 'synchronized')
    }
    await until(() => session.getSyncStatus() === 'synchronized')
    await until(() => witness.artifacts.text(name).length === written)
  }, 90_000)

  test('read markers only grow, whichever device was last', async () => {
    const id = newId()
    const both = [device('ann', 'phone'), device('ann', 'laptop')]
    for (const each of both) await until(() => each.home.isSynced)
    for (let seq = 1; seq <= 200; seq++) both[seq % 2]?.home.markRead(id, seq % 7 ? seq : seq - 6)
    for (const each of both) await until(() => each.home.isSaved)
    for (const each of both) await until(() => each.home.readUpTo(id) === 200)
    both[0]?.home.markRead(id, 3)
    expect(both[0]?.home.readUpTo(id)).toBe(200)
  })

  test('another version takes the place of a message, and one can go back', async () => {
    const id = newId()
    const phone = device('ann', 'phone').enterSession(id)
    const laptop = device('ann', 'laptop').enterSession(id)
    const first = await phone.sendMessage('to Lisbon')
    await until(() => phone.messages[0]?.seq === 1)
    const second = await phone.sendMessage('to Porto', { supersedes: first })
    await until(() => laptop.messages[0]?.id === second)
    expect(laptop.versionsOf(second).map(({ id: each }) => each)).toEqual([first, second])
    laptop.switchTo(first)
    for (const session of [phone, laptop]) await until(() => session.messages[0]?.id === first)
    phone.withdraw(first)
    await until(() => laptop.messages[0]?.id === second)
  })

  test('messages read over HTTP are those of the document', async () => {
    const id = newId()
    const client = device('ann', 'phone')
    const session = client.enterSession(id)
    for (const text of ['one', 'two', 'three']) await session.sendMessage(text)
    await until(() => session.messages.every(({ seq }) => seq !== undefined))
    const stored = await client.http.messages(id, 3, 10)
    expect(stored.map(readStoredMessage)).toEqual(session.messages.slice(0, 2))
  })

  test('a viewer reads, and is told before typing that writing is not allowed', async () => {
    const id = newId()
    const owner = device('ann', 'phone').enterSession(id)
    await owner.sendMessage('hello')
    await until(() => owner.getSaveState().kind === 'saved')
    const viewer = device('bob', 'tablet', { sessions: { [id]: 'viewer' } }).enterSession(id)
    await until(() => viewer.messages.length === 1 && !viewer.canWrite)
    await expect(viewer.sendMessage('may I?')).rejects.toThrow('only read')
  })

  test('a session of somebody else ends in words, and the others live on', async () => {
    const id = newId()
    const owner = device('ann', 'phone').enterSession(id)
    await owner.sendMessage('private')
    await until(() => owner.getSaveState().kind === 'saved')
    const bob = device('bob', 'tablet')
    const foreign = bob.enterSession(id)
    const own = bob.enterSession(newId())
    await until(() => foreign.ending !== undefined)
    expect(foreign.ending).toMatchObject({ code: 4403, action: 'stop' })
    expect(foreign.getSaveState().kind).toBe('ended')
    await own.sendMessage('mine')
    await until(() => own.getSaveState().kind === 'saved')
  })

  test('a bad token asks to sign in again', async () => {
    const client = createClient({
      url: server.url,
      token: `${server.token('ann')}x`,
      device: { id: 'phone' },
      WebSocket: NodeSocket,
    })
    clients.push(client)
    const session = client.enterSession(newId())
    await until(() => session.ending?.action === 'sign-in')
    expect(session.getSaveState().reason).toContain('Sign in again')
  })
})
