/** Gives a UUIDv7 (RFC 9562): ids of one device sort by the time they were made. */
export function newId(nowMs: number = Date.now()): string {
  // Not crypto.randomUUID: it is version 4, and a page on plain http has none.
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const time = nextTime(nowMs)
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(time / 2 ** (8 * (5 - i))) & 255
  bytes[6] = (byte(bytes, 6) & 0x0f) | 0x70
  bytes[8] = (byte(bytes, 8) & 0x3f) | 0x80
  const hex = Array.from(bytes, (each) => each.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

// Two messages of one millisecond, or of a clock that was set back, still keep their order.
let lastTime = 0

function nextTime(nowMs: number): number {
  lastTime = Math.max(nowMs, lastTime + 1)
  return lastTime
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}
