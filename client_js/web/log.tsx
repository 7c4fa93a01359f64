import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Client, Message, Run, Session } from '../src'
import { useValue } from './hooks'
import { DownIcon } from './icons'
import { MessageView } from './message'
import { Typing } from './people'

const PAGE = 60
const NEAR_PX = 80

/** The conversation. It follows its end unless one has scrolled up. */
export function Log({ client, session, me }: { client: Client; session: Session; me: string }) {
  const messages = useValue(session, 'messages', () => session.messages)
  const runs = useValue(session, 'messages', () => session.runs)
  const canWrite = useValue(session, 'status', () => session.canWrite)
  const [most, setMost] = useState(PAGE)
  const box = useRef<HTMLDivElement>(null)
  const { isAtEnd, toEnd } = useFollowing(box, messages)
  useReadMarker(client, session, messages, isAtEnd)
  const shown = messages.slice(-most)
  const more = async () => {
    if (most >= messages.length) await session.loadOlder().catch(() => false)
    setMost(most + PAGE)
  }
  const mayHaveMore = messages.length > most || Boolean(messages[0]?.parent)
  return (
    <div class="log-place">
      {/* Not live: word by word is no way to listen. What matters is said by the announcer. */}
      <div class="log" role="log" aria-live="off" aria-label="Conversation" ref={box} tabIndex={0}>
        <div class="messages">
          {mayHaveMore && (
            <button type="button" class="quiet older" onClick={() => void more()}>
              Show older messages
            </button>
          )}
          {messages.length === 0 && <Welcome session={session} />}
          {shown.map((message) => (
            <MessageView
              key={message.id}
              session={session}
              message={message}
              run={runOf(runs, message.id)}
              versions={session.versionsOf(message.id).map(({ id }) => id)}
              me={me}
              canWrite={canWrite}
            />
          ))}
          <Typing session={session} me={me} />
        </div>
      </div>
      {!isAtEnd && (
        <button type="button" class="to-end" aria-label="To the newest message" onClick={toEnd}>
          <DownIcon />
        </button>
      )}
    </div>
  )
}

function runOf(runs: readonly Run[], message: string): Run | undefined {
  return runs.find((run) => run.message === message || (!run.message && run.replyTo === message))
}

function Welcome({ session }: { session: Session }) {
  const isSynced = useValue(session, 'status', () => session.isSynced)
  if (!isSynced) return <p class="welcome">Fetching the conversation…</p>
  return (
    <div class="welcome">
      <h2>Say something</h2>
      <p>It appears on all your devices, and for everyone you share this conversation with.</p>
    </div>
  )
}

function useFollowing(box: { current: HTMLDivElement | null }, messages: readonly Message[]) {
  const [isAtEnd, setAtEnd] = useState(true)
  const follows = useRef(true)
  const toEnd = useCallback(() => {
    follows.current = true
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [box])
  useEffect(() => {
    const element = box.current
    if (!element) return
    const look = () => {
      follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
      setAtEnd(follows.current)
    }
    // Words stream in, fonts arrive, a phone's keyboard opens: all of it moves the end.
    const resized = new ResizeObserver(() => follows.current && toEnd())
    for (const each of [element, element.firstElementChild]) if (each) resized.observe(each)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      resized.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [box, toEnd])
  const last = messages.at(-1)
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever the last message grew
  useLayoutEffect(() => {
    if (follows.current) toEnd()
  }, [last])
  return { isAtEnd, toEnd }
}

function useReadMarker(
  client: Client,
  session: Session,
  messages: readonly Message[],
  isAtEnd: boolean,
): void {
  const seq = messages.findLast((message) => message.seq !== undefined)?.seq
  useEffect(() => {
    const mark = () => {
      if (seq !== undefined && isAtEnd && document.visibilityState === 'visible') {
        client.home.markRead(session.id, seq)
      }
    }
    mark()
    document.addEventListener('visibilitychange', mark)
    return () => document.removeEventListener('visibilitychange', mark)
  }, [client, session, seq, isAtEnd])
}
