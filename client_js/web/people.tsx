import type { Other, Run, Session } from '../src'
import { useValue } from './hooks'
import { DeviceIcon } from './icons'

/** Gives the colour of a person: the same for everybody who looks. */
export function hueOf(id: string): string {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) % 8
  return `hue-${hash}`
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).slice(0, 2)
  return words
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase()
}

/** Who else is here, on what device. */
export function People({ session, me }: { session: Session; me: string }) {
  const others = useValue(session, 'others', () => session.getOthers())
  if (others.length === 0) return null
  const shown = others.slice(0, 4)
  return (
    <ul class="people" aria-label="Who else is here">
      {shown.map((other) => (
        <li key={other.connectionId} title={describe(other, me)}>
          <span class={`avatar ${hueOf(other.user.id)} ${other.typing ? 'typing' : ''}`}>
            <span aria-hidden="true">{initials(other.user.name)}</span>
            <span class="device">
              <DeviceIcon kind={other.kind} />
            </span>
          </span>
          <span class="hidden">{describe(other, me)}</span>
        </li>
      ))}
      {others.length > shown.length && <li class="more">+{others.length - shown.length}</li>}
    </ul>
  )
}

function describe(other: Other, me: string): string {
  const who = other.user.id === me ? 'You' : other.user.name
  return other.label === '' ? who : `${who}, on ${other.label}`
}

function whoTypes(others: readonly Other[], me: string): string | undefined {
  const typing = others.filter((other) => other.typing)
  const [first] = typing
  if (!first) return undefined
  if (typing.length > 1) return `${typing.length} people are typing`
  return first.user.id === me ? `You are typing on ${first.label}` : `${first.user.name} is typing`
}

function whoThinks(runs: readonly Run[]): string | undefined {
  const run = runs.find(({ isOpen, message }) => isOpen && message === undefined)
  return run && `${run.agent} is about to answer`
}

/** Who is typing now. */
export function Typing({ session, me }: { session: Session; me: string }) {
  const others = useValue(session, 'others', () => session.getOthers())
  const runs = useValue(session, 'messages', () => session.runs)
  const who = whoTypes(others, me) ?? whoThinks(runs)
  if (who === undefined) return <p class="typing-line" />
  return (
    <p class="typing-line">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <bdi>{who}</bdi>
    </p>
  )
}
