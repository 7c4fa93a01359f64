/** Who a token speaks for, as far as the device has to know it. The server is who checks it. */
export interface Identity {
  readonly user: string
  readonly name: string
  readonly device: string
  /** The only sessions that the token opens; undefined if it opens all of the user's. */
  readonly sessions?: readonly string[]
}

/**
 * Reads the claims of a JWT without checking it.
 * @throws Error if it can't be one
 */
export function readToken(token: string): Identity {
  const claims = decodeClaims(token)
  const user = claims.sub
  if (typeof user !== 'string' || user === '') throw new Error(NO_TOKEN)
  return {
    user,
    name: typeof claims.name === 'string' && claims.name !== '' ? claims.name : user,
    device: typeof claims.device === 'string' ? claims.device : '',
    ...(isObject(claims.sessions) && { sessions: Object.keys(claims.sessions) }),
  }
}

const NO_TOKEN =
  'This is no sign-in token. Open the link that `segue dev` prints, or ask for a new one.'

function decodeClaims(token: string): Record<string, unknown> {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isObject(claims)) return claims
  } catch {
    // Told below, in the same words whatever is wrong with it.
  }
  throw new Error(NO_TOKEN)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
