import { Files } from './files'
import type { Token } from './replica'

/** What went wrong with a request, in the server's words. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** A message as the HTTP interface gives it. */
export type StoredMessage = Readonly<Record<string, unknown>>

/** The few things that go over HTTP: history that the document no longer holds, links, and files. */
export class Http {
  readonly files: Files
  readonly #origin: string
  readonly #token: Token
  readonly #isCut: () => boolean

  constructor(origin: string, token: Token, isCut: () => boolean) {
    this.#origin = origin
    this.#token = token
    this.#isCut = isCut
    this.files = new Files({ origin, token, isCut })
  }

  async messages(
    session: string,
    before: number,
    limit: number,
  ): Promise<readonly StoredMessage[]> {
    const query = new URLSearchParams({ before: String(before), limit: String(limit) })
    const body = await this.#ask(
      'GET',
      `/v1/sessions/${encodeURIComponent(session)}/messages?${query}`,
    )
    const { messages } = body as { messages?: unknown }
    return Array.isArray(messages)
      ? messages.filter((each) => typeof each === 'object' && each)
      : []
  }

  /** Makes an invitation to a session; gives its code. */
  async invite(session: string, role: 'editor' | 'viewer'): Promise<string> {
    const path = `/v1/sessions/${encodeURIComponent(session)}/links`
    const { link } = (await this.#ask('POST', path, { role })) as { link?: unknown }
    if (typeof link !== 'string') throw new HttpError(200, 'no_link', 'The server gave no link.')
    return link
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    if (this.#isCut()) throw new HttpError(0, 'offline', 'This device is offline. Try again later.')
    const token = typeof this.#token === 'string' ? this.#token : await this.#token()
    return ask(method, this.#origin + path, token, body)
  }
}

/** What an invitation has led to. */
export interface Joined {
  readonly session: string
  /** The token of a guest, who came without one. */
  readonly token?: string
}

/**
 * Accepts an invitation: as the bearer of a token, or as a guest with a name.
 * @throws HttpError if it has run out, or can't be accepted now
 */
export async function acceptInvitation(
  url: string,
  code: string,
  by: { readonly token: string } | { readonly name: string },
): Promise<Joined> {
  const token = 'token' in by ? by.token : undefined
  const body = { code, ...('name' in by && { name: by.name }) }
  const answer = await ask('POST', `${url}/v1/links/redeem`, token, body)
  const { session, token: given } = answer as { session?: unknown; token?: unknown }
  if (typeof session !== 'string')
    throw new HttpError(200, 'no_session', 'The server named no session.')
  return { session, ...(typeof given === 'string' && { token: given }) }
}

async function ask(
  method: string,
  url: string,
  token: string | undefined,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new HttpError(0, 'offline', 'The server can not be reached. Try again later.')
  })
  const answer: unknown = await response.json().catch(() => ({}))
  if (response.ok) return answer
  throw problemIn(response.status, answer)
}

/** Gives the error that an answer tells of (RFC 9457). */
export function problemIn(status: number, answer: unknown): HttpError {
  const { code, detail } = Object(answer) as { code?: unknown; detail?: unknown }
  const text = typeof detail === 'string' ? detail : `The server answered ${status}.`
  return new HttpError(status, typeof code === 'string' ? code : '', text)
}
