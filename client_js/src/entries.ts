/** Entries of a session's context and of a profile: what is known, from whom, and since when. */
import * as Y from 'yjs'

export interface Entry {
  readonly key: string
  readonly value: unknown
  /** Where it comes from: "user", "conversation", a tool. */
  readonly source: string
  /** Id of the person or agent that wrote it. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly observedAt: number
  readonly maxAgeMs?: number
  readonly isStale: boolean
}

/** Of what only says where a value is from; who writes more has nothing good in mind. */
const MAX_LENGTH = 200

export function readEntries(map: Y.Map<unknown>, nowMs: number): readonly Entry[] {
  return [...map.entries()]
    .flatMap(([key, value]) => {
      const entry = readEntry(key, value, nowMs)
      return entry ? [entry] : []
    })
    .sort((one, other) => (one.key < other.key ? -1 : 1))
}

function readEntry(key: string, stored: unknown, nowMs: number): Entry | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined
  const { value, source, by, observed_at, max_age } = (
    stored instanceof Y.Map ? stored.toJSON() : stored
  ) as Record<string, unknown>
  if (value === undefined) return undefined
  const observedAt = typeof observed_at === 'number' ? observed_at : 0
  const maxAgeMs = typeof max_age === 'number' ? max_age : undefined
  return {
    key,
    value,
    source: typeof source === 'string' ? source.slice(0, MAX_LENGTH) : '',
    by: typeof by === 'string' ? by.slice(0, MAX_LENGTH) : '',
    observedAt,
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    isStale: maxAgeMs !== undefined && observedAt + maxAgeMs < nowMs,
  }
}

/** Puts an entry as one value: a correction replaces the whole of it, source and time included. */
export function putEntry(map: Y.Map<unknown>, key: string, value: unknown, by: string): void {
  map.set(key, { value, source: 'user', by, observed_at: Date.now() })
}
