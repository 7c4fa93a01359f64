/** Why a document or the whole connection ended, what to do about it, and what the client does itself. */
export interface Refusal {
  readonly code: number
  /** The server's words: what happened and why. */
  readonly reason: string
  readonly action: 'start-over' | 'wipe' | 'sign-in' | 'stop' | 'wait' | 'retry'
}

const ACTIONS: Readonly<Record<number, Refusal['action']>> = {
  4400: 'start-over',
  4412: 'start-over',
  4410: 'wipe',
  4401: 'sign-in',
  4504: 'wait',
}

/** Reads a PermissionDenied: its text begins with the close code it stands for. */
export function readRefusal(text: string): Refusal {
  const [, code, reason] = /^(\d{4}) (.*)$/s.exec(text) ?? [undefined, '0', text]
  return refusal(Number(code), reason ?? '')
}

/** Judges the code and reason that a socket was closed with. */
export function refusal(code: number, reason: string): Refusal {
  const isFinal = code >= 4400 && code < 4500
  return { code, reason, action: ACTIONS[code] ?? (isFinal ? 'stop' : 'retry') }
}
