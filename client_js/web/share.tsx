import { useEffect, useRef, useState } from 'preact/hooks'
import type { Client, Session } from '../src'
import { copy } from './asides'
import { CloseIcon, CopyIcon } from './icons'

type Role = 'editor' | 'viewer'

/** Makes a link by which others join. */
export function Share(props: { client: Client; session: Session; onClose: () => void }) {
  const { client, session, onClose } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const [role, setRole] = useState<Role>('editor')
  const [link, setLink] = useState('')
  const [problem, setProblem] = useState('')
  const [isCopied, setCopied] = useState(false)
  useEffect(() => dialog.current?.showModal(), [])
  const choose = (chosen: Role) => {
    setRole(chosen)
    setLink('')
  }
  const make = async () => {
    setProblem('')
    setCopied(false)
    try {
      setLink(`${location.origin}/#join=${await client.http.invite(session.id, role)}`)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby="share-title" onClose={onClose}>
      <div class="row spread">
        <h2 id="share-title">Share this conversation</h2>
        <button
          type="button"
          class="tiny"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <CloseIcon />
        </button>
      </div>
      <p>Whoever opens the link joins, on any device, with an account or as a guest.</p>
      <fieldset>
        <legend>They may</legend>
        <Choice value="editor" text="read and write" role={role} onChoose={choose} />
        <Choice value="viewer" text="read only" role={role} onChoose={choose} />
      </fieldset>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {link === '' ? (
        <button type="button" class="primary" onClick={() => void make()}>
          Make a link
        </button>
      ) : (
        <div class="row">
          <input
            aria-label="Link"
            readOnly
            value={link}
            onFocus={(event) => event.currentTarget.select()}
          />
          <button type="button" class="primary" onClick={async () => setCopied(await copy(link))}>
            <CopyIcon /> {isCopied ? 'Copied' : 'Copy'}
          </button>
        </div>
      )}
    </dialog>
  )
}

interface ChoiceProps {
  readonly value: Role
  readonly text: string
  readonly role: Role
  readonly onChoose: (role: Role) => void
}

function Choice({ value, text, role, onChoose }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name="role" checked={role === value} onChange={() => onChoose(value)} />
      {text}
    </label>
  )
}
