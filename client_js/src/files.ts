/** Files of a session: they go over HTTP, in either direction, and need a connection. */
import { HttpError, problemIn } from './http'
import type { Token } from './replica'
import type { SaveState } from './save-state'
import { wellFormed } from './texts'

/** A file as a message names it. All of it is what its writer says; only `ref` leads to bytes. */
export interface FilePart {
  readonly type: 'file'
  readonly ref: string
  readonly mediaType: string
  readonly name: string
  readonly size: number
}

export interface UploadOptions {
  /** What the file is called; by default its own name. */
  readonly name?: string
  /** Told how much of it has gone, from 0 to 1. Only browsers know before its end. */
  readonly onProgress?: (share: number) => void
  readonly signal?: AbortSignal
}

interface Ports {
  readonly origin: string
  readonly token: Token
  readonly isCut: () => boolean
}

const OFFLINE = 'Files need a connection, and there is none now. Try again when you are online.'
const MAX_NAME_LENGTH = 255

export class Files {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * Adds a file to a session; adding the same content again changes nothing.
   * @returns it as a message can name it
   * @throws HttpError in the server's words, or without a connection
   */
  async add(session: string, file: Blob, options: UploadOptions = {}): Promise<FilePart> {
    const name = plainName(options.name ?? (file as { name?: unknown }).name)
    const url = `${this.#url(session)}?${new URLSearchParams({ name })}`
    const headers = await this.#headers()
    if (file.type !== '') headers['content-type'] = file.type
    const answer = await (typeof XMLHttpRequest === 'undefined' ? sendByFetch : send)(
      url,
      headers,
      file,
      options,
    )
    const { ref, media_type, size } = Object(answer) as Record<string, unknown>
    if (typeof ref !== 'string' || typeof media_type !== 'string' || typeof size !== 'number')
      throw new HttpError(200, 'no_file', 'The server named no file.')
    return { type: 'file', ref, mediaType: media_type, name, size }
  }

  /** Gives a file's bytes, of no type: what they are shown as is for the caller to say, and to check. */
  async read(session: string, ref: string, signal?: AbortSignal): Promise<Blob> {
    const headers = await this.#headers()
    const response = await fetch(`${this.#url(session)}/${encodeURIComponent(ref)}`, {
      headers,
      ...(signal && { signal }),
    }).catch(offline)
    if (!response.ok) throw problemIn(response.status, await response.json().catch(() => ({})))
    return new Blob([await response.arrayBuffer().catch(offline)])
  }

  #url(session: string): string {
    return `${this.#ports.origin}/v1/sessions/${encodeURIComponent(session)}/files`
  }

  async #headers(): Promise<Record<string, string>> {
    const { token, isCut } = this.#ports
    if (isCut()) throw new HttpError(0, 'offline', OFFLINE)
    return { authorization: `Bearer ${typeof token === 'string' ? token : await token()}` }
  }
}

/** What `untilSynced` waits for. */
interface Synced {
  readonly isSynced: boolean
  getSaveState(): SaveState
  subscribe(topic: 'status', callback: () => void): () => void
}

/**
 * Returns once the server has the session: its first opening makes it.
 * @throws HttpError where that can't be awaited
 */
export function untilSynced(session: Synced): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      unsubscribe()
      settle()
    }
    const look = () => {
      const { kind, reason } = session.getSaveState()
      if (session.isSynced) end(resolve)
      else if (kind === 'ended') end(() => reject(new HttpError(0, 'ended', reason)))
      else if (kind === 'offline') end(() => reject(new HttpError(0, 'offline', OFFLINE)))
    }
    const unsubscribe = session.subscribe('status', look)
    look()
  })
}

/** Gives a name that the server takes: without a folder, and without what no name has in it. */
function plainName(name: unknown): string {
  const given = typeof name === 'string' ? name : ''
  const last = given.split(/[/\\]/).at(-1) ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these it is about
  return wellFormed(last.replace(/[\x00-\x1f\x7f]/g, '').slice(0, MAX_NAME_LENGTH)) || 'file'
}

// Not fetch where there is this: it alone tells how much of a body has gone.
function send(
  url: string,
  headers: Record<string, string>,
  file: Blob,
  { onProgress, signal }: UploadOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total ? loaded / total : 1)
    request.onload = () => {
      const answer = parsed(request.responseText)
      if (request.status < 300) resolve(answer)
      else reject(problemIn(request.status, answer))
    }
    request.onerror = () => reject(new HttpError(0, 'offline', OFFLINE))
    request.onabort = () => reject(aborted())
    if (signal?.aborted) return reject(aborted())
    signal?.addEventListener('abort', () => request.abort(), { once: true })
    request.send(file)
  })
}

async function sendByFetch(
  url: string,
  headers: Record<string, string>,
  body: Blob,
  { onProgress, signal }: UploadOptions,
): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    ...(signal && { signal }),
  }).catch(offline)
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw problemIn(response.status, answer)
  onProgress?.(1)
  return answer
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

function offline(error: unknown): never {
  if (error instanceof Error && error.name === 'AbortError') throw error
  throw new HttpError(0, 'offline', OFFLINE)
}

function aborted(): Error {
  return new DOMException('The upload was given up.', 'AbortError')
}
