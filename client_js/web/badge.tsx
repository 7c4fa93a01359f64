import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Client, SaveState, Session } from '../src'
import { useValue } from './hooks'

/** Says in a word whether it is safe to close the lid; why and what to do on a tap. */
export function Badge({ client, session }: { client: Client; session: Session }) {
  const state = useSaveState(client, session)
  const [isOpen, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    if (!isOpen) return
    const close = (event: Event) => {
      const isInside = event.target instanceof Node && root.current?.contains(event.target)
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !isInside) setOpen(false)
    }
    document.addEventListener('pointerdown', close)
    document.addEventListener('keydown', close)
    return () => {
      document.removeEventListener('pointerdown', close)
      document.removeEventListener('keydown', close)
    }
  }, [isOpen])
  return (
    <div class="badge-place" ref={root}>
      <button
        type="button"
        class={`badge ${state.kind}`}
        aria-expanded={isOpen}
        aria-controls="badge-reason"
        onClick={() => setOpen(!isOpen)}
      >
        <span class="dot" />
        {badgeText(state)}
      </button>
      {isOpen && (
        <div class="popover" id="badge-reason">
          <p>{state.reason}</p>
          {state.kind !== 'saved' && state.kind !== 'saving' && (
            <button type="button" class="quiet" onClick={() => session.retry()}>
              Try now
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** What is true of the conversation and of what is half-typed in it, which is kept at home. */
export function useSaveState(client: Client, session: Session): SaveState {
  const state = useValue(session, 'status', () => session.getSaveState())
  const isHomeSaved = useValue(client.home, 'status', () => client.home.isSaved)
  if (state.kind !== 'saved' || isHomeSaved) return state
  return {
    ...state,
    kind: 'saving',
    reason: 'The server has not confirmed what is half-typed yet.',
  }
}

export function badgeText({ kind, waiting }: SaveState): string {
  switch (kind) {
    case 'saved':
      return 'Saved'
    case 'saving':
      return 'Saving…'
    case 'connecting':
      return 'Connecting…'
    case 'reconnecting':
      return waiting > 0 ? `Reconnecting… (${waiting} waiting)` : 'Reconnecting…'
    case 'offline':
      return waiting > 0 ? `Offline, ${waiting} waiting` : 'Offline'
    case 'ended':
      return waiting > 0 ? `Stopped, ${waiting} unsent` : 'Stopped'
  }
}
