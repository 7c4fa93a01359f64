// @vitest-environment happy-dom
/** The hooks in React itself; the page uses them in Preact. */
import { act, createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, test, vi } from 'vitest'
import { type Client, createClient, MemoryStore } from '../src'
import {
  useMessages,
  useMyPresence,
  useOthers,
  useSession,
  useStatus,
  useSyncStatus,
} from '../src/react'
import { ScriptedServer, tokenOf } from './scripted-server'

interface Controls {
  send: (text: string) => Promise<unknown>
  type: () => void
}

function Trip({ client, controls }: { client: Client; controls: Controls }) {
  const session = useSession(client, 'trip')
  const [me, update] = useMyPresence(session)
  if (session) controls.send = (text) => session.sendMessage(text)
  controls.type = () => update({ typing: true })
  const words = [
    useStatus(session),
    useSyncStatus(session),
    useMessages(session)
      .map(({ text }) => text)
      .join('+'),
    `others ${useOthers(session).length}`,
    me?.typing ? 'typing' : 'idle',
  ]
  return createElement('p', null, words.join(', '))
}

test('components follow a session', async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const server = new ScriptedServer()
  const client = createClient({
    url: 'http://segue.test',
    token: tokenOf('ann'),
    WebSocket: server.WebSocket,
    store: new MemoryStore('a test'),
  })
  const controls: Controls = { send: async () => {}, type: () => {} }
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  await act(async () => root.render(createElement(Trip, { client, controls })))
  await act(async () => void (await new Promise((resolve) => setTimeout(resolve))))
  expect(document.body.textContent).toBe('connected, synchronized, , others 0, idle')
  await act(async () => void (await controls.send('Lisbon?')))
  await act(async () => controls.type())
  expect(document.body.textContent).toBe('connected, synchronized, Lisbon?, others 0, typing')
  server.acknowledges = false
  await act(async () => void (await controls.send('Porto?')))
  expect(document.body.textContent).toBe(
    'connected, synchronizing, Lisbon?+Porto?, others 0, typing',
  )
  await act(async () => root.unmount())
  expect(server.kinds('trip').at(-1)).toBe('close')
  client.destroy()
})
