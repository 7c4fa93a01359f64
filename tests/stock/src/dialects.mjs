// The stock clients by name, each behind the same few verbs. Older versions are npm aliases.
import { readHocuspocus, readYWebsocket } from './frames.mjs'

const Y_WEBSOCKET = { open: openYWebsocket, read: readYWebsocket }
const HOCUSPOCUS = { open: openHocuspocus, read: readHocuspocus }

export const DIALECTS = {
  'y-websocket': { ...Y_WEBSOCKET, module: 'y-websocket' },
  'y-websocket-2': { ...Y_WEBSOCKET, module: 'y-websocket-2' },
  hocuspocus: { ...HOCUSPOCUS, module: '@hocuspocus/provider' },
  'hocuspocus-2': { ...HOCUSPOCUS, module: 'hocuspocus-provider-2' },
  'hocuspocus-3': { ...HOCUSPOCUS, module: 'hocuspocus-provider-3' },
}

/** Opens a document with an unmodified client; `impatient` shortens its waits between attempts. */
async function openYWebsocket(module, device, { url, document, impatient, connect = true }) {
  const { WebsocketProvider } = await import(module)
  const token = device.tokens.next()
  const provider = new WebsocketProvider(`${url}/v1/sync`, document, device.doc, {
    connect,
    params: token === null ? {} : { token },
    disableBc: true, // devices of one process must meet on the server only
    WebSocketPolyfill: device.network.SocketClass,
    ...(impatient ? { maxBackoffTime: 100 } : {}),
  })
  const changed = () => device.changed()
  for (const name of ['sync', 'status', 'connection-close']) provider.on(name, changed)
  provider.on('closed', ({ code, reason }) => device.stopped({ code, reason }))
  return {
    provider,
    awareness: provider.awareness,
    synced: () => provider.synced,
    connected: () => provider.wsconnected,
    unsynced: () => device.ledger.entries.length - device.ledger.acknowledged,
    least: () => 0,
    scope: () => null,
    retoken: () => (provider.params = { token: device.tokens.next() }),
    destroy: () => provider.destroy(),
    onFrame: ({ kind, body }) => {
      if (kind === 'step1') device.ledger.vectorShown(body)
      if (kind === 'step2' || kind === 'update') device.ledger.updateShown(body)
    },
  }
}

/** With `beside`, another device, the two documents share one socket. */
async function openHocuspocus(module, device, { url, document, impatient, connect = true, beside, session_awareness: sessionAwareness = false }) {
  const { HocuspocusProvider, HocuspocusProviderWebsocket } = await import(module)
  const socket = beside?.client.socket ?? new HocuspocusProviderWebsocket({
    url: `${url}/v1/collab`,
    connect, // 2.15 calls it so
    autoConnect: connect,
    WebSocketPolyfill: device.network.SocketClass,
    ...(impatient ? { delay: 50, minDelay: 50, maxDelay: 200 } : {}),
  })
  const provider = new HocuspocusProvider({
    name: document,
    document: device.doc,
    websocketProvider: socket,
    sessionAwareness,
    broadcast: false, // 2.15: devices of one process must meet on the server only
    token: device.tokens.list[0] === null ? null : () => device.tokens.next(),
    onAuthenticationFailed: ({ reason }) => device.stopped({ code: null, reason }),
    onAuthenticated: () => device.changed(),
    onSynced: () => device.changed(),
    onStatus: () => device.changed(),
    onStateless: ({ payload }) => device.stateless.push(payload),
  })
  let least = 0
  // 2.15 has no option for it.
  provider.on('unsyncedChanges', () => {
    least = Math.min(least, provider.unsyncedChanges)
    if (provider.unsyncedChanges === 0) device.ledger.allSafe()
    device.changed()
  })
  provider.attach?.() // 2.15 is attached already
  return {
    provider,
    socket,
    awareness: provider.awareness,
    synced: () => provider.synced,
    connected: () => socket.status === 'connected',
    unsynced: () => provider.unsyncedChanges,
    least: () => least,
    scope: () => provider.authorizedScope,
    retoken: () => {},
    destroy: () => {
      provider.destroy()
      if (beside === undefined) socket.destroy()
    },
    onFrame: () => {},
  }
}
