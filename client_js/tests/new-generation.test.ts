/** A session that the real server writes anew, while one device is there and another is offline. */
import 'fake-indexeddb/auto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import NodeWebSocket from 'ws'
import { type Client, createClient } from '../src'
import { newId } from '../src/ids'
import { NodeSocket } from './node-socket'
import { hasServer, RealServer } from './real-server'
import { until } from './until'

/** Updates of one who lies about what they write between: tests/spoiling.py says how. */
const SPOILING = [
  '01010a0004010773706f696c65640361626300',
  '01010b00c40a010a020358595a00',
  '01010c00c40a010b01013300',
  '01010d00c40b000a01013400',
]

describe.skipIf(!hasServer)('a session that is written anew', () => {
  let server: RealServer
  const clients: Client[] = []

  beforeAll(async () => {
    server = await RealServer.start({ SEGUE_SNAPSHOT_EVERY: '1' })
  })
  afterAll(() => server?.stop())
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
  })

  function device(id: string): Client {
    const client = createClient({
      url: server.url,
      token: server.token('ann'),
      device: { id, kind: 'program', label: id },
      WebSocket: NodeSocket,
    })
    clients.push(client)
    return client
  }

  function spoil(session: string): NodeWebSocket {
    const url = `${server.url.replace('http', 'ws')}/v1/sync/${session}?token=${server.token('ann')}`
    const socket = new NodeWebSocket(url)
    socket.on('open', () => {
      for (const update of SPOILING.map((hex) => Buffer.from(hex, 'hex')))
        socket.send(Buffer.from([0, 2, update.length, ...update]))
    })
    return socket
  }

  const texts = (session: { messages: readonly { text: string }[] }) =>
    session.messages.map(({ text }) => text)

  test('goes on by itself, and what was typed offline arrives once, behind what is there', async () => {
    const id = newId()
    const [phone, laptop] = [device('phone'), device('laptop')]
    const [there, here] = [phone.enterSession(id), laptop.enterSession(id)]
    await here.sendMessage('before')
    await until(() => there.messages.length === 1)
    const [old, older] = [here.doc, there.doc]
    phone.cutNetwork(true)
    await there.sendMessage('from the tunnel')
    await phone.kept()
    const socket = spoil(id)
    await until(() => here.doc !== old && here.isSynced && here.messages.length === 1)
    socket.terminate()
    await here.sendMessage('after')
    await until(() => here.getSaveState().kind === 'saved')
    phone.cutNetwork(false)
    const all = ['before', 'after', 'from the tunnel']
    for (const session of [here, there]) {
      await until(() => session.messages.length === 3 && session.getSaveState().kind === 'saved')
      expect(texts(session)).toEqual(all)
      expect(session.asides).toEqual([])
    }
    expect(there.doc).not.toBe(older)
    expect(there.messages.map(({ seq }) => seq)).toEqual([1, 2, 3])
  })
})
