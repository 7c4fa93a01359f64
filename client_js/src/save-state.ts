/** What a badge shows: is it safe to close the lid? */
import type { Status } from './connection'
import type { Refusal } from './refusals'
import type { StoreState } from './store'

export interface SaveState {
  readonly kind: 'saved' | 'saving' | 'connecting' | 'reconnecting' | 'offline' | 'ended'
  /** Messages that the server has not acknowledged. */
  readonly waiting: number
  /** What happened and why; the next step. */
  readonly reason: string
}

export interface Situation {
  readonly status: Status
  readonly isSaved: boolean
  readonly waiting: number
  readonly isCut: boolean
  readonly failures: number
  readonly hasNetwork: boolean
  readonly ending: Refusal | undefined
  readonly store: StoreState
  readonly lastReason: string | undefined
}

const FAILURES_UNTIL_OFFLINE = 2

export function saveState(situation: Situation): SaveState {
  const kind = kindOf(situation)
  return { kind, waiting: situation.waiting, reason: reasonOf(kind, situation) }
}

function kindOf(situation: Situation): SaveState['kind'] {
  const { status, isSaved, isCut, failures, hasNetwork, ending } = situation
  if (ending) return 'ended'
  if (status === 'connected') return isSaved ? 'saved' : 'saving'
  if (isCut || !hasNetwork || failures >= FAILURES_UNTIL_OFFLINE) return 'offline'
  return status === 'connecting' ? 'connecting' : 'reconnecting'
}

function reasonOf(kind: SaveState['kind'], situation: Situation): string {
  const { ending, store, isSaved, lastReason } = situation
  const kept =
    store.kind === 'disk'
      ? 'What you type is kept on this device and sent later.'
      : `What you type is kept only while this page is open. ${store.reason ?? ''}`
  switch (kind) {
    case 'ended':
      return ending ? endingText(ending) : ''
    case 'saved':
      return 'Everything is on disk at the server. You can go on with any device.'
    case 'saving':
      return `The server has not confirmed yet. ${kept}`
    case 'connecting':
      return `Connecting for the first time. ${kept}`
    case 'reconnecting':
      return `${lastReason ?? 'The connection was lost.'} Trying again. ${isSaved ? '' : kept}`.trim()
    case 'offline':
      return `${lastReason ?? 'The server can not be reached.'} It is tried again and again. ${kept}`
  }
}

/** Says what ended a document, and the next step. */
export function endingText({ action, reason }: Refusal): string {
  switch (action) {
    case 'sign-in':
      return `${reason} Sign in again with a new link; what is unsent stays on this device.`
    case 'wipe':
      return `${reason} The copy on this device was removed.`
    default:
      return reason
  }
}
