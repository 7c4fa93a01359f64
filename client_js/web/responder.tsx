import type { Session } from '../src'
import { useValue } from './hooks'

/** Says who answers here, and lets a person take over from the agent or give back. */
export function ResponderLine({ session, me }: { session: Session; me: string }) {
  const responder = useValue(session, 'info', () => session.responder)
  const lastAgent = useValue(session, 'messages', () => session.runs.at(-1)?.agent)
  const canWrite = useValue(session, 'status', () => session.canWrite)
  if (responder.kind === 'none' || (responder.kind === 'agent' && !lastAgent)) return null
  const isPerson = responder.kind === 'person'
  const isMe = isPerson && responder.id === me
  return (
    <p class="responder">
      <span>
        <bdi>{isMe ? 'You' : responder.name || lastAgent}</bdi>
        {isMe ? ' answer here' : ' answers here'}
      </span>
      {canWrite && (
        <button
          type="button"
          class="quiet"
          onClick={() => (isPerson ? session.giveBack() : session.takeOver())}
        >
          {isPerson ? 'Give back to the assistant' : 'Take over'}
        </button>
      )}
    </p>
  )
}
