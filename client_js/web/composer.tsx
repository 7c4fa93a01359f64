import { useEffect, useRef, useState } from 'preact/hooks'
import type { Client, Session } from '../src'
import { Attached } from './attached'
import { useAttachments, useDrop } from './attachments'
import { useMedia, useValue } from './hooks'
import { ClipIcon, SendIcon, StopIcon } from './icons'
import { bindText } from './shared-text'

const TYPING_MS = 3_000

/** The field for the next message; what is half-typed follows the person to their other devices. */
export function Composer({ client, session }: { client: Client; session: Session }) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [isEmpty, setEmpty] = useState(true)
  const [problem, setProblem] = useState('')
  const chooser = useRef<HTMLInputElement>(null)
  const files = useAttachments(session, setProblem)
  const [interrupts, setInterrupts] = useState(false)
  const typing = useTyping(session)
  const usesTouch = useMedia('(pointer: coarse)')
  const canWrite = useValue(session, 'status', () => session.canWrite)
  const draft = useValue(client.home, 'drafts', () => client.home.draft(session.id))
  const isDropping = useDrop(canWrite ? files.add : undefined)
  const isAnswering = useValue(session, 'messages', () => answers(session))

  useEffect(() => {
    const field = area.current
    if (!field) return
    return bindText(field, draft, (isLocal) => {
      setEmpty(field.value.trim() === '')
      grow(field)
      if (isLocal) typing(field.value !== '')
    })
  }, [draft, typing])

  const send = async () => {
    const text = draft.toString()
    const parts = files.list.flatMap(({ part }) => part ?? [])
    if ((text.trim() === '' && parts.length === 0) || !files.isReady) return
    setProblem('')
    try {
      await session.sendMessage(text, {
        files: parts,
        ...(interrupts && { whileRunning: 'interrupt' }),
      })
      files.clear()
      setInterrupts(false)
      draft.doc?.transact(() => draft.delete(0, draft.length))
      typing(false)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
    area.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || usesTouch) return
    event.preventDefault()
    void send()
  }

  if (session.ending) return null // it is said above
  if (!canWrite) {
    return (
      <p class="reading-only">You may read here. Ask the owner of the conversation to write.</p>
    )
  }
  return (
    <form
      class={`composer ${isDropping ? 'dropping' : ''}`}
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {isAnswering && !isEmpty && (
        <label class="interrupts">
          <input
            type="checkbox"
            checked={interrupts}
            onChange={(event) => setInterrupts(event.currentTarget.checked)}
          />
          Stop the answer and take this first
        </label>
      )}
      <Attached files={files} />
      <div class="field">
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          onChange={({ currentTarget }) => {
            files.add(currentTarget.files ?? [])
            currentTarget.value = '' // so that the same one can be chosen again
          }}
        />
        <button
          type="button"
          class="tool attach"
          aria-label="Attach files"
          onClick={() => chooser.current?.click()}
        >
          <ClipIcon />
        </button>
        <textarea
          ref={area}
          rows={1}
          aria-label="Message"
          placeholder="Message"
          enterkeyhint={usesTouch ? 'enter' : 'send'}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])]
            if (pasted.length === 0) return
            event.preventDefault()
            files.add(pasted)
          }}
        />
        {isAnswering && (
          <button
            type="button"
            class="round stop"
            aria-label="Stop the answer"
            onClick={() => session.stop()}
          >
            <StopIcon />
          </button>
        )}
        <button
          type="submit"
          class="round send"
          aria-label="Send"
          disabled={!files.isReady || (isEmpty && files.list.length === 0)}
        >
          <SendIcon />
        </button>
      </div>
    </form>
  )
}

function answers(session: Session): boolean {
  return session.runs.some(({ isOpen }) => isOpen)
}

function grow(field: HTMLTextAreaElement): void {
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}

/** Tells the others that one types, and that one stopped. */
function useTyping(session: Session): (isTyping: boolean) => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const tell = useRef((_isTyping: boolean) => {})
  useEffect(() => {
    let told = false
    const say = (isTyping: boolean) => {
      if (told !== isTyping) session.updatePresence({ typing: isTyping })
      told = isTyping
    }
    tell.current = (isTyping) => {
      clearTimeout(timer.current)
      say(isTyping)
      if (isTyping) timer.current = setTimeout(() => say(false), TYPING_MS)
    }
    return () => {
      clearTimeout(timer.current)
      say(false)
    }
  }, [session])
  return useRef((isTyping: boolean) => tell.current(isTyping)).current
}
