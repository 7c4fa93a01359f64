const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

/** Says how long ago something was, as in "5 min. ago"; empty for no time at all. */
export function ago(timeMs: number, nowMs: number): string {
  if (timeMs <= 0) return ''
  const since = Math.max(0, nowMs - timeMs)
  for (const [unit, length] of UNITS) {
    if (since >= length) return relative.format(-Math.floor(since / length), unit)
  }
  return 'just now'
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export function timeOfDay(timeMs: number): string {
  return isTime(timeMs) ? clock.format(timeMs) : ''
}

export function fullTime(timeMs: number): string {
  return isTime(timeMs) ? date.format(timeMs) : ''
}

// A stranger's clock may say anything; beyond this range formatting throws.
function isTime(timeMs: number): boolean {
  return timeMs > 0 && timeMs < 8.64e15
}
