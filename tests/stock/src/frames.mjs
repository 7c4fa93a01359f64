// What kind of frame this is, in the words of the two protocols; and the Yjs update inside, if any.
import * as decoding from 'lib0/decoding'

const SYNC = ['step1', 'step2', 'update']
const HOCUSPOCUS = {
  1: 'awareness',
  3: 'query',
  4: 'sync-reply',
  5: 'stateless',
  6: 'broadcast-stateless',
  7: 'close',
  9: 'ping',
  10: 'pong',
}

/** Reads one y-websocket frame: `{kind, body?}`. */
export function readYWebsocket(bytes) {
  const decoder = decoding.createDecoder(bytes)
  const type = decoding.readVarUint(decoder)
  if (type === 0) return readSync(decoder)
  return { kind: { 1: 'awareness', 2: 'auth', 3: 'query' }[type] ?? `type-${type}` }
}

/** Reads one Hocuspocus frame: `{kind, name, body?}`. */
export function readHocuspocus(bytes) {
  if (bytes.length === 1) return { kind: HOCUSPOCUS[bytes[0]] ?? 'short' }
  const decoder = decoding.createDecoder(bytes)
  const name = decoding.readVarString(decoder)
  const type = decoding.readVarUint(decoder)
  if (type === 0) return { name, ...readSync(decoder) }
  if (type === 2) return { name, kind: `auth-${decoding.readVarUint(decoder)}` }
  if (type === 8) return { name, kind: `status-${decoding.readVarInt(decoder)}` }
  return { name, kind: HOCUSPOCUS[type] ?? `type-${type}` }
}

function readSync(decoder) {
  const kind = SYNC[decoding.readVarUint(decoder)] ?? 'sync-unknown'
  return { kind, body: decoding.readVarUint8Array(decoder) }
}
