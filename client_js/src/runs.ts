import type * as Y from 'yjs'

/** An agent's work on one answer. */
export interface Run {
  readonly id: string
  readonly agent: string
  readonly status: string
  /** The message that is answered. */
  readonly replyTo: string
  /** The answer, once there is one. */
  readonly message?: string
  readonly error?: string
  /** Neither ended nor cut off. */
  readonly isOpen: boolean
}

const OPEN: ReadonlySet<string> = new Set(['queued', 'active', 'suspended'])

export function readRuns(map: Y.Map<unknown>): readonly Run[] {
  return [...map.entries()].flatMap(([id, value]) => {
    if (typeof value !== 'object' || value === null) return []
    const { agent, status, reply_to, message, error } = value as Record<string, unknown>
    if (typeof status !== 'string') return []
    return [
      {
        id,
        agent: typeof agent === 'string' ? agent.slice(0, 100) : '',
        status,
        replyTo: typeof reply_to === 'string' ? reply_to : '',
        ...(typeof message === 'string' && { message }),
        ...(typeof error === 'string' && { error }),
        isOpen: OPEN.has(status),
      },
    ]
  })
}
