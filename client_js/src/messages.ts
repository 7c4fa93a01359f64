/** Reads messages from a session's document. What a stranger wrote there is taken only as far as it fits. */
import * as Y from 'yjs'
import type { FilePart } from './files'
import type { WhileRunning } from './settings'

export interface Author {
  readonly kind: 'user' | 'agent'
  readonly id: string
  readonly name: string
  readonly device?: string
}

export interface TextPart {
  readonly type: 'text'
  readonly text: string
  readonly state: 'streaming' | 'done'
}

/** What an agent thought on its way to the answer. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  readonly text: string
  readonly state: 'streaming' | 'done'
}

/** A call of a tool and, once it has one, its result. */
export interface ToolPart {
  readonly type: 'tool'
  /** What `session.approve` and `session.giveOutput` are told. */
  readonly id: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** As in the AI SDK: `approval-requested` waits for a yes or no. */
  readonly state: string
  readonly output?: unknown
  readonly errorText?: string
  /** Who has decided about it. */
  readonly decidedBy?: string
}

/** Something that an answer draws on. */
export interface SourcePart {
  readonly type: 'source'
  /** As it was written: check it before it becomes a link. */
  readonly url: string
  readonly title: string
}

/** A kind of part that this version doesn't know; shown by nobody, kept as it is. */
export interface OtherPart {
  readonly type: 'other'
  readonly kind: string
}

export type Part = TextPart | ReasoningPart | FilePart | ToolPart | SourcePart | OtherPart

export type MessageStatus =
  | 'sending'
  | 'queued'
  | 'streaming'
  | 'suspended'
  | 'complete'
  | 'cancelled'
  | 'interrupted'
  | 'error'

export interface Message {
  readonly id: string
  readonly role: 'user' | 'assistant' | 'system'
  readonly author: Author
  /** Milliseconds since 1970, by the author's clock: for showing, never for order. */
  readonly createdAt: number
  readonly status: MessageStatus
  readonly parts: readonly Part[]
  /** All text parts as one. */
  readonly text: string
  /** Its place in the order; missing until the server has given it one. */
  readonly seq?: number
  readonly parent?: string | null
  /** The message of which this is another version. */
  readonly supersedes?: string
  readonly metadata?: unknown
}

/** Gives what `messages[id]` holds; undefined if it is no message. */
export function readMessage(id: string, value: unknown, isUnsaved: boolean): Message | undefined {
  if (!(value instanceof Y.Map)) return undefined
  const role = value.get('role')
  const author = readAuthor(value.get('author'))
  if ((role !== 'user' && role !== 'assistant' && role !== 'system') || !author) return undefined
  const parts = readParts(value.get('parts'))
  const seq = numberIn(value.get('seq'))
  const parent = value.get('parent')
  const supersedes = textIn(value.get('supersedes'))
  const metadata = value.get('metadata')
  return Object.freeze({
    id,
    role,
    author,
    createdAt: numberIn(value.get('created_at')) ?? 0,
    status: readStatus(value.get('status'), seq, isUnsaved),
    parts,
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    ...(seq !== undefined && { seq }),
    ...((typeof parent === 'string' || parent === null) && { parent }),
    ...(supersedes !== undefined && { supersedes }),
    ...(metadata !== undefined && !(metadata instanceof Y.AbstractType) && { metadata }),
  })
}

/** Reads a message as the HTTP interface gives it: the same fields, as plain JSON. */
export function readStoredMessage(stored: Readonly<Record<string, unknown>>): Message | undefined {
  const { id, parts } = stored
  if (typeof id !== 'string') return undefined
  const fields = Object.entries(stored).filter(([name]) => name !== 'parts')
  const copy = new Y.Doc().getMap<unknown>('messages')
  const message = new Y.Map<unknown>(fields)
  copy.set(id, message)
  const listed = Array.isArray(parts) ? parts.entries() : Object.entries(parts ?? {})
  const map = message.set('parts', new Y.Map<unknown>())
  for (const [key, part] of listed) {
    if (typeof part === 'object' && part) map.set(String(key), new Y.Map(Object.entries(part)))
  }
  return readMessage(id, message, false)
}

const STATUSES: ReadonlySet<unknown> = new Set([
  'streaming',
  'suspended',
  'cancelled',
  'interrupted',
  'error',
] satisfies MessageStatus[])

function readStatus(value: unknown, seq: number | undefined, isUnsaved: boolean): MessageStatus {
  if (isUnsaved) return 'sending'
  if (STATUSES.has(value)) return value as MessageStatus
  return seq === undefined ? 'queued' : 'complete'
}

function readAuthor(value: unknown): Author | undefined {
  const of = value instanceof Y.Map ? value.toJSON() : value
  if (typeof of !== 'object' || of === null) return undefined
  const { kind, id, name, device } = of as Record<string, unknown>
  if ((kind !== 'user' && kind !== 'agent') || typeof id !== 'string') return undefined
  return {
    kind,
    id,
    name: (textIn(name) || id).slice(0, 100),
    ...(typeof device === 'string' && { device }),
  }
}

function readParts(value: unknown): readonly Part[] {
  if (!(value instanceof Y.Map)) return []
  const keys = [...value.keys()].filter((key) => /^\d{1,6}$/.test(key))
  return keys
    .sort((one, other) => Number(one) - Number(other))
    .flatMap((key) => readPart(value.get(key)))
}

function readPart(value: unknown): Part[] {
  if (!(value instanceof Y.Map)) return []
  const kind = value.get('type')
  const text = value.get('text')
  if (kind === 'tool') return readTool(value)
  if (kind === 'source') return readSource(value)
  if (kind === 'file') return readFile(value)
  if (kind !== 'text' && kind !== 'reasoning')
    return typeof kind === 'string' ? [{ type: 'other', kind }] : []
  if (!(text instanceof Y.Text) && typeof text !== 'string') return []
  const state = value.get('state') === 'streaming' ? 'streaming' : 'done'
  return [{ type: kind, text: text.toString(), state }]
}

function readTool(part: Y.Map<unknown>): Part[] {
  const { tool_call_id, name, args, state, output, error_text, approval } = part.toJSON()
  if (typeof tool_call_id !== 'string' || typeof state !== 'string') return []
  const { by } = objectIn(approval) ?? {}
  const decidedBy = textIn(by)
  const errorText = textIn(error_text)
  return [
    {
      type: 'tool',
      id: tool_call_id,
      name: textIn(name) ?? '',
      args: objectIn(args) ?? {},
      state,
      ...(output !== undefined && { output }),
      ...(errorText !== undefined && { errorText }),
      ...(decidedBy !== undefined && { decidedBy }),
    },
  ]
}

function readSource(part: Y.Map<unknown>): Part[] {
  const url = textIn(part.get('url'))
  if (url === undefined) return []
  return [{ type: 'source', url, title: textIn(part.get('title')) || url }]
}

const MAX_NAME_LENGTH = 255

function readFile(part: Y.Map<unknown>): Part[] {
  const ref = textIn(part.get('ref'))
  const name = textIn(part.get('name'))?.slice(0, MAX_NAME_LENGTH) || 'file'
  if (ref === undefined || !/^[0-9a-f]{64}$/.test(ref)) return []
  const mediaType = textIn(part.get('media_type')) ?? ''
  const size = Math.max(0, numberIn(part.get('size')) ?? 0)
  return [{ type: 'file', ref, mediaType, name, size }]
}

/** Gives the files that a message names. */
export function filesOf({ parts }: Pick<Message, 'parts'>): readonly FilePart[] {
  return parts.filter((part): part is FilePart => part.type === 'file')
}

function objectIn(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** What a new message is made of. */
export interface Draft {
  readonly id: string
  readonly author: Author
  readonly text: string
  readonly files?: readonly FilePart[]
  readonly createdAt: number
  readonly supersedes?: string
  readonly whileRunning?: WhileRunning
}

/** Adds a message whole; to be called inside a transaction. */
export function addMessage(doc: Y.Doc, draft: Draft): void {
  const { id, author, text, files = [], createdAt, supersedes, whileRunning } = draft
  const parts = [
    ...(text === '' && files.length > 0 ? [] : [textPart(text)]),
    ...files.map(filePart),
  ]
  doc
    .getMap('messages')
    .set(
      id,
      new Y.Map<unknown>([
        ['role', 'user'],
        ['author', { ...author }],
        ['created_at', createdAt],
        ['status', 'complete'],
        ['parts', new Y.Map(parts.map((part, index) => [String(index), part]))],
        ...optional('supersedes', supersedes),
        ...optional('metadata', whileRunning && { while_running: whileRunning }),
      ]),
    )
}

function textPart(text: string): Y.Map<unknown> {
  return new Y.Map<unknown>([
    ['type', 'text'],
    ['text', new Y.Text(text)],
    ['state', 'done'],
  ])
}

function filePart({ ref, mediaType, name, size }: FilePart): Y.Map<unknown> {
  return new Y.Map<unknown>([
    ['type', 'file'],
    ['ref', ref],
    ['media_type', mediaType],
    ['name', name],
    ['size', size],
  ])
}

function optional(key: string, value: unknown): [string, unknown][] {
  return value === undefined ? [] : [[key, value]]
}
