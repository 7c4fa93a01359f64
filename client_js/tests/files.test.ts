/** Files, with the real server: sent from one device, read on the other, refused in words. */
import 'fake-indexeddb/auto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Client, createClient, HttpError } from '../src'
import { newId } from '../src/ids'
import { filesOf } from '../src/messages'
import { NodeSocket } from './node-socket'
import { hasServer, RealServer } from './real-server'
import { until } from './until'

describe.skipIf(!hasServer)('files', () => {
  let server: RealServer
  const clients: Client[] = []

  beforeAll(async () => {
    server = await RealServer.start({ SEGUE_MAX_UPDATE: '65536', SEGUE_MAX_FILE: '1000000' })
  })
  afterAll(() => server?.stop())
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
  })

  function device(user: string, id: string): Client {
    const client = createClient({
      url: server.url,
      token: server.token(user),
      device: { id, kind: 'program', label: id },
      WebSocket: NodeSocket,
    })
    clients.push(client)
    return client
  }

  const picture = new File([new Uint8Array(300_000).fill(7)], 'a.png', { type: 'image/png' })

  test('one is sent from one device and read on the other', async () => {
    const id = newId()
    const phone = device('ann', 'phone').enterSession(id)
    const laptop = device('ann', 'laptop').enterSession(id)
    const told: number[] = []
    const part = await phone.uploadFile(picture, { onProgress: (share) => told.push(share) })
    expect(part).toMatchObject({ mediaType: 'image/png', name: 'a.png', size: 300_000 })
    expect(told).toEqual([1])
    await phone.sendMessage('Look', { files: [part] })
    await phone.sendMessage('', { files: [part] })
    await until(() => laptop.messages.length === 2)
    expect(laptop.messages.map(({ text }) => text)).toEqual(['Look', ''])
    for (const message of laptop.messages) expect(filesOf(message)).toEqual([part])
    const bytes = await laptop.readFile(part.ref)
    expect(bytes.type).toBe('')
    expect(new Uint8Array(await bytes.arrayBuffer())).toEqual(
      new Uint8Array(await picture.arrayBuffer()),
    )
  })

  test.each([
    ['/home/ann/plan.txt', 'plan.txt'],
    ['C:\\ann\\plan.txt', 'plan.txt'],
    ['a\nb\u0000.txt', 'ab.txt'],
    ['', 'file'],
    ['\ud800.txt', '\ufffd.txt'],
    ['x'.repeat(300), 'x'.repeat(255)],
  ])('a name is made one that the server takes: %j', async (given, name) => {
    const session = device('ann', 'phone').enterSession(newId())
    const part = await session.uploadFile(new Blob(['x']), { name: given })
    expect(part).toMatchObject({ name, mediaType: 'application/octet-stream' })
  })

  test('what is refused, given up, or has no connection says so', async () => {
    const client = device('ann', 'phone')
    const session = client.enterSession(newId())
    const large = session.uploadFile(new Blob([new Uint8Array(1_000_001)]))
    await expect(large).rejects.toMatchObject({ status: 413, code: 'too_large' })
    const giving = new AbortController()
    const given = session.uploadFile(picture, { signal: giving.signal })
    giving.abort()
    await expect(given).rejects.toMatchObject({ name: 'AbortError' })
    const unknown = session.readFile('0'.repeat(64))
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'not_found' })
    client.cutNetwork(true)
    await expect(session.uploadFile(picture)).rejects.toThrow('Files need a connection')
    await expect(session.readFile('0'.repeat(64))).rejects.toBeInstanceOf(HttpError)
    await expect(session.sendMessage('', { files: [] })).rejects.toThrow('nothing to send')
  })

  test('a message that is refused is laid aside with its files', async () => {
    const session = device('ann', 'phone').enterSession(newId())
    const part = await session.uploadFile(picture)
    await session.sendMessage('x'.repeat(70_000), { files: [part] })
    await until(() => session.asides.some(({ refused }) => refused !== undefined))
    expect(session.asides[0]).toMatchObject({ files: [part] })
  })
})
