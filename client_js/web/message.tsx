import { memo } from 'preact/compat'
import { useState } from 'preact/hooks'
import type { Message, ReasoningPart, Run, Session, SourcePart } from '../src'
import { filesOf } from '../src'
import { Files } from './files'
import { AgainIcon, CheckIcon, ClockIcon, EditIcon, LeftIcon, RightIcon } from './icons'
import { Markdown, WebLink } from './markdown'
import { hueOf, initials } from './people'
import { fullTime, timeOfDay } from './times'
import { ToolCall } from './tool-call'

const MAX_SOURCE = 200

interface Props {
  readonly session: Session
  readonly message: Message
  readonly versions: readonly string[]
  /** The run that this message is the answer of, or that it waits for. */
  readonly run: Run | undefined
  readonly me: string
  readonly canWrite: boolean
}

/** One message. Drawn anew only when it, or the number of its versions, changes. */
export const MessageView = memo(
  (props: Props) => {
    const { session, message, me } = props
    const [isEditing, setEditing] = useState(false)
    const isOwn = message.author.kind === 'user' && message.author.id === me
    const isAgent = message.author.kind === 'agent'
    return (
      <article
        id={`m-${message.id}`}
        class={`message ${isOwn ? 'own' : isAgent ? 'agent' : 'other'}`}
        aria-label={titleOf(message, isOwn)}
      >
        {!isOwn && <Sender message={message} />}
        {isEditing ? (
          <Editor {...props} onDone={() => setEditing(false)} />
        ) : (
          <div class="body">
            {isAgent ? (
              <Parts {...props} />
            ) : (
              message.text !== '' && (
                <p class="plain" dir="auto">
                  {message.text}
                </p>
              )
            )}
            <Files session={session} files={filesOf(message)} />
            {message.status === 'streaming' && <span class="caret-block" aria-hidden="true" />}
          </div>
        )}
        <Footer {...props} isOwn={isOwn} onEdit={() => setEditing(true)} />
      </article>
    )
  },
  (before, after) =>
    before.message === after.message &&
    before.run === after.run &&
    before.canWrite === after.canWrite &&
    before.versions.join() === after.versions.join(),
)

/** An agent's answer: its words, and the tools it calls, in their order. */
function Parts({ session, message, canWrite }: Props) {
  return message.parts.map((part, index) => {
    const key = `${index}`
    switch (part.type) {
      case 'text':
        return <Markdown key={key} text={part.text} />
      case 'reasoning':
        return <Reasoning key={key} part={part} />
      case 'source':
        return <SourceLink key={key} part={part} />
      case 'tool':
        return <ToolCall key={key} session={session} part={part} canWrite={canWrite} />
      default:
        return null
    }
  })
}

/** What an agent thought: there for who wants to know, out of the way of who doesn't. */
function Reasoning({ part }: { part: ReasoningPart }) {
  if (part.text.trim() === '') return null
  return (
    <details class="reasoning">
      <summary>{part.state === 'streaming' ? 'Thinking…' : 'What it thought'}</summary>
      <Markdown text={part.text} />
    </details>
  )
}

function SourceLink({ part }: { part: SourcePart }) {
  return (
    <p class="source">
      Source:{' '}
      <WebLink href={part.url} otherwise={part.title.slice(0, MAX_SOURCE)}>
        {part.title.slice(0, MAX_SOURCE)}
      </WebLink>
    </p>
  )
}

function titleOf({ author, createdAt }: Message, isOwn: boolean): string {
  return `${isOwn ? 'You' : author.name}, ${timeOfDay(createdAt)}`
}

function Sender({ message: { author } }: { message: Message }) {
  return (
    <header>
      <span
        class={`avatar small ${author.kind === 'agent' ? 'agent' : hueOf(author.id)}`}
        aria-hidden="true"
      >
        {author.kind === 'agent' ? '✦' : initials(author.name)}
      </span>
      <bdi>{author.name.slice(0, 80)}</bdi>
    </header>
  )
}

function Footer(props: Props & { isOwn: boolean; onEdit: () => void }) {
  const { message, isOwn, canWrite } = props
  return (
    <footer>
      <Versions {...props} />
      <Outcome {...props} />
      <Regenerate {...props} />
      {isOwn && canWrite && message.seq !== undefined && (
        <button type="button" class="tiny" aria-label="Edit this message" onClick={props.onEdit}>
          <EditIcon />
        </button>
      )}
      {message.createdAt > 0 && (
        <time title={fullTime(message.createdAt)}>{timeOfDay(message.createdAt)}</time>
      )}
      {isOwn && <Delivery message={message} />}
    </footer>
  )
}

function Delivery({ message }: { message: Message }) {
  const isSending = message.status === 'sending'
  const text = isSending ? 'Waiting to be saved' : 'Saved'
  return (
    <span class={`delivery ${isSending ? 'sending' : ''}`} title={text}>
      {isSending ? <ClockIcon /> : <CheckIcon />}
      <span class="hidden">{text}</span>
    </span>
  )
}

/** What became of an answer, or of a question that has none. */
function Outcome({ session, message, run, me, canWrite }: Props) {
  const status = message.author.kind === 'agent' ? message.status : run?.status
  const again = canWrite && (
    <button type="button" class="quiet" onClick={() => session.resume(message.id)}>
      Go on
    </button>
  )
  switch (status) {
    case 'queued':
      return (
        <span class="outcome">
          Waits for its turn{' '}
          {canWrite && message.author.id === me && (
            <button type="button" class="quiet" onClick={() => session.withdraw(message.id)}>
              Withdraw
            </button>
          )}
        </span>
      )
    case 'suspended':
      return <span class="outcome">Waits for a decision</span>
    case 'cancelled':
      return <span class="outcome">Stopped {again}</span>
    case 'interrupted':
      return <span class="outcome bad">Interrupted {again}</span>
    case 'error':
      return (
        <span class="outcome bad">
          {run?.error?.slice(0, 300) ?? 'The answer failed.'} {again}
        </span>
      )
    default:
      return null
  }
}

function Regenerate({ session, message, run, canWrite }: Props) {
  if (!canWrite || message.status !== 'complete' || run?.status !== 'done') return null
  if (message.author.kind !== 'agent') return null
  return (
    <button
      type="button"
      class="tiny"
      aria-label="Answer this anew"
      onClick={() => session.regenerate(message.id)}
    >
      <AgainIcon />
    </button>
  )
}

function Versions({ session, message, versions }: Props) {
  if (versions.length < 2) return null
  const index = versions.indexOf(message.id)
  const step = (by: number) => {
    const other = versions[index + by]
    if (other !== undefined) session.switchTo(other)
  }
  return (
    <span class="versions">
      <button
        type="button"
        class="tiny"
        aria-label="Earlier version"
        disabled={index <= 0}
        onClick={() => step(-1)}
      >
        <LeftIcon />
      </button>
      {index + 1} / {versions.length}
      <button
        type="button"
        class="tiny"
        aria-label="Later version"
        disabled={index >= versions.length - 1}
        onClick={() => step(1)}
      >
        <RightIcon />
      </button>
    </span>
  )
}

function Editor({ session, message, onDone }: Props & { onDone: () => void }) {
  const [text, setText] = useState(message.text)
  const [problem, setProblem] = useState('')
  const save = async () => {
    try {
      if (text !== message.text)
        await session.sendMessage(text, {
          supersedes: message.id,
          files: filesOf(message),
        })
      onDone()
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <textarea
        aria-label="New version of the message"
        value={text}
        rows={Math.min(8, text.split('\n').length + 1)}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && onDone()}
      />
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="row">
        <button type="button" class="quiet" onClick={onDone}>
          Cancel
        </button>
        <button type="submit" class="primary">
          Send as a new version
        </button>
      </div>
    </form>
  )
}
