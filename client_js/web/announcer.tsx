import { useEffect, useRef, useState } from 'preact/hooks'
import type { Client, Session } from '../src'
import { filesOf } from '../src'
import { badgeText, useSaveState } from './badge'
import { namesOf } from './files'
import { useValue } from './hooks'

const SETTLED_MS = 1_000
const MOST = 300

/** The one place that speaks to a screen reader: finished messages, and how the saving goes. */
export function Announcer({
  client,
  session,
  me,
}: {
  client: Client
  session: Session
  me: string
}) {
  const state = badgeText(useSaveState(client, session))
  const storage = useValue(client, 'status', () => client.storage)
  const messages = useValue(session, 'messages', () => session.messages)
  const last = messages.at(-1)
  const isFinished = last !== undefined && last.status !== 'streaming' && last.author.id !== me
  const news = isFinished
    ? `${last.author.name}: ${(last.text || namesOf(filesOf(last))).slice(0, MOST)}`
    : ''
  const [said, setSaid] = useState('')
  const first = useRef(news)
  useEffect(() => {
    if (news === '' || news === first.current) return
    setSaid(news)
  }, [news])
  useEffect(() => {
    // Saving flickers with each word that is typed; only what lasts is worth saying.
    const timer = setTimeout(() => setSaid(state), SETTLED_MS)
    return () => clearTimeout(timer)
  }, [state])
  return (
    <>
      <p class="hidden" role="status">
        {said}
      </p>
      {storage.kind === 'memory' && <p class="notice">{storage.reason}</p>}
    </>
  )
}
