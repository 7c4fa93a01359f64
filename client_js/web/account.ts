/** Who is signed in on this device. The address bar hands a token over once, and then forgets it. */
import { readToken } from '../src/token'

const MAIN = 'segue.token'
const GUEST = 'segue.guest.'

export interface Address {
  readonly session: string | undefined
  readonly token: string | undefined
  /** The code of an invitation. */
  readonly join: string | undefined
}

/** Reads `#s=SESSION&token=TOKEN`, or `#join=CODE`; all are optional. */
export function readAddress(hash: string): Address {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''))
  const session = parameters.get('s') ?? undefined
  return {
    session: session !== undefined && /^[\w-]{1,128}$/.test(session) ? session : undefined,
    token: parameters.get('token') ?? undefined,
    join: parameters.get('join') ?? undefined,
  }
}

/**
 * Takes the token out of the address and keeps it.
 * @throws Error if it can't be a token
 */
export function signInFromAddress(): void {
  const { session, token } = readAddress(location.hash)
  if (token === undefined) return
  history.replaceState(null, '', address(session))
  signIn(token.trim())
}

/** Keeps a token: one for single sessions beside the user's own, not in its place. */
export function signIn(token: string): void {
  const { sessions } = readToken(token)
  if (!sessions) localStorage.setItem(MAIN, token)
  for (const session of sessions ?? []) localStorage.setItem(GUEST + session, token)
}

/** Gives the token to use for a session, or for no session in particular. */
export function tokenFor(session: string | undefined): string | undefined {
  const guest = session === undefined ? null : localStorage.getItem(GUEST + session)
  return guest ?? localStorage.getItem(MAIN) ?? undefined
}

export function signOut(session: string | undefined): void {
  if (session !== undefined && localStorage.getItem(GUEST + session)) {
    localStorage.removeItem(GUEST + session)
  } else {
    localStorage.removeItem(MAIN)
  }
}

/** The path of the page with a session open. */
export function address(session: string | undefined): string {
  return location.pathname + location.search + (session === undefined ? '' : `#s=${session}`)
}

export function go(session: string | undefined): void {
  history.pushState(null, '', address(session))
  dispatchEvent(new HashChangeEvent('hashchange'))
}
