import type { Session, ToolPart } from '../src'

const MAX_SHOWN = 400

/** A tool that an agent calls: what for, how far it is, and the decision if it needs one. */
export function ToolCall(props: { session: Session; part: ToolPart; canWrite: boolean }) {
  const { session, part, canWrite } = props
  const { question, ...args } = part.args
  const asks = part.state === 'approval-requested'
  const title = typeof question === 'string' ? question : wordsOf(part.name)
  return (
    <section class={`tool-call ${asks ? 'asks' : ''}`} aria-label={`Tool: ${wordsOf(part.name)}`}>
      <strong dir="auto">{short(title)}</strong>
      <dl>
        {Object.entries(args)
          .slice(0, 12)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{short(wordsOf(name))}</dt>
              <dd dir="auto">{shown(value)}</dd>
            </div>
          ))}
      </dl>
      {asks && canWrite ? (
        <div class="row">
          <button type="button" class="quiet" onClick={() => session.approve(part.id, false)}>
            Decline
          </button>
          <button type="button" class="primary" onClick={() => session.approve(part.id, true)}>
            Approve
          </button>
        </div>
      ) : (
        <p class="outcome">{outcomeOf(part)}</p>
      )}
    </section>
  )
}

function outcomeOf({ state, decidedBy, output, errorText }: ToolPart): string {
  const by = decidedBy ? ` by ${short(decidedBy)}` : ''
  switch (state) {
    case 'approval-requested':
      return 'Waits for a decision'
    case 'approval-responded':
      return `Approved${by}`
    case 'output-denied':
      return `Declined${by}`
    case 'output-available':
      return `${by ? `Approved${by}. ` : ''}${shown(output)}`
    case 'output-error':
      return short(errorText ?? 'It failed.')
    default:
      return 'Working...'
  }
}

function wordsOf(name: string): string {
  return name.replaceAll(/[_.-]+/g, ' ')
}

function shown(value: unknown): string {
  return short(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
}

function short(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
