/** What a session's members have agreed on: who answers, and what a message does meanwhile. */
import * as Y from 'yjs'
import type { Author, Message } from './messages'

/** What becomes of a message while an answer is being written: it waits, takes over, or isn't answered. */
export type WhileRunning = 'enqueue' | 'interrupt' | 'reject'

/**
 * Who answers in a session. An agent's name is empty where it is the server's own choice; a person's is what they
 * call themselves in their last message, or their id: what somebody else calls them doesn't count.
 */
export interface Responder {
  readonly kind: 'agent' | 'person' | 'none'
  readonly id: string
  readonly name: string
}

const MAX_NAME_LENGTH = 100
/** No agent is called like that, whatever a person's id is. */
const PERSON = 'person:'

export function readResponder(doc: Y.Doc, messages: readonly Message[]): Responder {
  const { responder } = settingsOf(doc)
  if (responder === undefined) return { kind: 'agent', id: '', name: '' }
  if (typeof responder !== 'string' || responder === 'none')
    return { kind: 'none', id: '', name: '' }
  if (!responder.startsWith(PERSON)) {
    return { kind: 'agent', id: responder, name: responder.slice(0, MAX_NAME_LENGTH) }
  }
  const id = responder.slice(PERSON.length)
  const own = messages.findLast(({ author }) => author.kind === 'user' && author.id === id)
  return { kind: 'person', id, name: (own?.author.name ?? id).slice(0, MAX_NAME_LENGTH) }
}

/** Has a person answer instead of the agent; who it was stays known. */
export function handOver(doc: Y.Doc, { id }: Author): void {
  const { responder, handed_over, ...others } = settingsOf(doc)
  const isPersons = typeof responder === 'string' && responder.startsWith(PERSON)
  const from = isPersons ? fromIn(handed_over) : responder
  write(doc, {
    ...others,
    responder: PERSON + id,
    ...(from !== undefined && { handed_over: { from } }),
  })
}

/** Has the agent answer again that did before a person took over. */
export function giveBack(doc: Y.Doc): void {
  const { responder, handed_over, ...others } = settingsOf(doc)
  const from = fromIn(handed_over)
  write(doc, { ...others, ...(from !== undefined && { responder: from }) })
}

function settingsOf(doc: Y.Doc): Record<string, unknown> {
  const value = doc.getMap('session').get('settings')
  const plain = value instanceof Y.Map ? value.toJSON() : value
  return typeof plain === 'object' && plain !== null ? { ...plain } : {}
}

function write(doc: Y.Doc, settings: Record<string, unknown>): void {
  doc.getMap('session').set('settings', settings)
}

function fromIn(value: unknown): unknown {
  return (Object(value) as { from?: unknown }).from
}
