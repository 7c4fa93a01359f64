import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Text } from 'yjs'
import { decodePosition, encodePosition, type Other, type Session } from '../src'
import { useValue } from './hooks'
import { PlusIcon } from './icons'
import { hueOf } from './people'
import { bindText } from './shared-text'

/** The texts beside the conversation, edited together. */
export function Documents({ session }: { session: Session }) {
  const artifacts = useValue(session, 'artifacts', () => session.artifacts.list)
  const canWrite = useValue(session, 'status', () => session.canWrite)
  const [chosen, setChosen] = useState<string>()
  const current = artifacts.find(({ name }) => name === chosen) ?? artifacts[0]
  const add = () => setChosen(session.artifacts.create(`Document ${artifacts.length + 1}`))
  return (
    <div class="documents">
      <div class="row">
        {artifacts.length > 0 && (
          <select
            aria-label="Document"
            value={current?.name}
            onChange={(event) => setChosen(event.currentTarget.value)}
          >
            {artifacts.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        )}
        {canWrite && (
          <button type="button" class="quiet" onClick={add}>
            <PlusIcon /> New document
          </button>
        )}
      </div>
      {current ? (
        <SharedEditor
          key={current.name}
          session={session}
          name={current.name}
          title={current.title}
          canWrite={canWrite}
        />
      ) : (
        <p class="empty">
          A document is edited by everyone here at once, next to the conversation.
        </p>
      )}
    </div>
  )
}

interface EditorProps {
  readonly session: Session
  readonly name: string
  readonly title: string
  readonly canWrite: boolean
}

function SharedEditor({ session, name, title, canWrite }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [value, setValue] = useState('')
  const text = useValue(session, 'artifacts', () => session.artifacts.text(name))
  const others = useValue(session, 'others', () => session.getOthers())

  useEffect(() => {
    const field = area.current
    if (!field) return
    const tell = () => {
      const [anchor, head] = [field.selectionStart, field.selectionEnd].map((index) =>
        encodePosition(text, Math.min(index, text.length)),
      )
      if (document.activeElement === field && anchor && head) {
        session.updatePresence({ viewing: { artifact: name, anchor, head } })
      }
    }
    const leave = () => session.updatePresence({ viewing: { artifact: name } })
    const unbind = bindText(field, text, () => {
      setValue(field.value)
      tell()
    })
    field.addEventListener('selectionchange', tell)
    document.addEventListener('selectionchange', tell)
    field.addEventListener('blur', leave)
    return () => {
      unbind()
      field.removeEventListener('selectionchange', tell)
      document.removeEventListener('selectionchange', tell)
      field.removeEventListener('blur', leave)
      session.updatePresence({ viewing: {} })
    }
  }, [session, name, text])

  return (
    <div class="editor">
      <textarea
        ref={area}
        aria-label={title}
        readOnly={!canWrite}
        spellcheck={true}
        placeholder="Write together…"
      />
      <Carets area={area} text={text} value={value} others={others} name={name} />
    </div>
  )
}

interface CaretsProps {
  readonly area: { current: HTMLTextAreaElement | null }
  readonly text: Text
  readonly value: string
  readonly others: readonly Other[]
  readonly name: string
}

/** Shows the others' carets in a copy of the text that lies, unseen, exactly behind the field. */
function Carets({ area, text, value, others, name }: CaretsProps) {
  const mirror = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const field = area.current
    if (!field) return
    const follow = () => {
      if (mirror.current) mirror.current.style.transform = `translateY(${-field.scrollTop}px)`
    }
    follow()
    field.addEventListener('scroll', follow, { passive: true })
    return () => field.removeEventListener('scroll', follow)
  }, [area])
  const carets = others
    .filter(({ viewing }) => viewing?.artifact === name && viewing.head !== undefined)
    .map((other) => ({ other, index: decodePosition(text, other.viewing?.head) }))
    .filter((caret): caret is { other: Other; index: number } => caret.index !== undefined)
    .sort((one, two) => one.index - two.index)
  let from = 0
  return (
    <div class="mirror-place" aria-hidden="true">
      <div class="mirror" ref={mirror}>
        {carets.map(({ other, index }) => {
          const before = value.slice(from, index)
          from = Math.min(index, value.length)
          return (
            <span key={other.connectionId}>
              {before}
              <span class={`remote-caret ${hueOf(other.user.id)}`} data-caret={other.user.name}>
                <span class="flag">
                  {other.user.name.slice(0, 20)} · {other.label.slice(0, 20)}
                </span>
              </span>
            </span>
          )
        })}
        {value.slice(from)}
      </div>
    </div>
  )
}
