import { useEffect, useState } from 'preact/hooks'
import type { Client, Session } from '../src'
import { useSession } from '../src/react'
import { Announcer } from './announcer'
import { Asides } from './asides'
import { Badge } from './badge'
import { Composer } from './composer'
import { Documents } from './document'
import { useValue } from './hooks'
import { CloseIcon, DocumentIcon, KnowsIcon, MenuIcon, ShareIcon } from './icons'
import { Knows } from './knows'
import { Log } from './log'
import { People } from './people'
import { ResponderLine } from './responder'
import { Share } from './share'

const MAX_BEGINNING = 60

type Panel = 'document' | 'knows'

interface Props {
  readonly client: Client
  readonly id: string
  readonly onMenu: () => void
}

/** One conversation: its messages, and beside them a document or what the assistant knows. */
export function Conversation({ client, id, onMenu }: Props) {
  const session = useSession(client, id)
  const [panel, setPanel] = useState<Panel>()
  const [isSharing, setSharing] = useState(false)
  if (!session) return <main class="conversation" />
  const me = client.identity?.user ?? ''
  return (
    <>
      <main class="conversation">
        <Header
          client={client}
          session={session}
          me={me}
          panel={panel}
          onMenu={onMenu}
          onPanel={(chosen) => setPanel(chosen === panel ? undefined : chosen)}
          onShare={() => setSharing(true)}
        />
        <Announcer client={client} session={session} me={me} />
        <Ending session={session} />
        <Log client={client} session={session} me={me} />
        <Asides session={session} />
        <ResponderLine session={session} me={me} />
        <Composer key={id} client={client} session={session} />
      </main>
      {panel && (
        <aside class="panel" aria-labelledby="panel-title">
          <div class="row spread">
            <h2 id="panel-title">
              {panel === 'document' ? 'Document' : 'What the assistant knows'}
            </h2>
            <button
              type="button"
              class="tiny"
              aria-label="Close the panel"
              onClick={() => setPanel(undefined)}
            >
              <CloseIcon />
            </button>
          </div>
          {panel === 'document' ? (
            <Documents session={session} />
          ) : (
            <Knows client={client} session={session} />
          )}
        </aside>
      )}
      {isSharing && <Share client={client} session={session} onClose={() => setSharing(false)} />}
    </>
  )
}

interface HeaderProps {
  readonly client: Client
  readonly session: Session
  readonly me: string
  readonly panel: Panel | undefined
  readonly onMenu: () => void
  readonly onPanel: (panel: Panel) => void
  readonly onShare: () => void
}

function Header({ client, session, me, panel, onMenu, onPanel, onShare }: HeaderProps) {
  const canWrite = useValue(session, 'status', () => session.canWrite)
  return (
    <header class="top">
      <button type="button" class="tool menu" aria-label="Conversations" onClick={onMenu}>
        <MenuIcon />
      </button>
      <Title session={session} />
      <Badge client={client} session={session} />
      <People session={session} me={me} />
      <div class="tools">
        {canWrite && (
          <button type="button" class="tool" aria-label="Share" onClick={onShare}>
            <ShareIcon />
          </button>
        )}
        <button
          type="button"
          class="tool"
          aria-label="Document"
          aria-pressed={panel === 'document'}
          onClick={() => onPanel('document')}
        >
          <DocumentIcon />
        </button>
        <button
          type="button"
          class="tool"
          aria-label="What the assistant knows"
          aria-pressed={panel === 'knows'}
          onClick={() => onPanel('knows')}
        >
          <KnowsIcon />
        </button>
      </div>
    </header>
  )
}

function Title({ session }: { session: Session }) {
  const given = useValue(session, 'info', () => session.title)
  const beginning = useValue(session, 'messages', () => beginningOf(session.messages[0]?.text))
  const title = given || beginning
  const canWrite = useValue(session, 'status', () => session.canWrite)
  const [isEditing, setEditing] = useState(false)
  useEffect(() => {
    document.title = title === '' ? 'Segue' : `${title} · Segue`
  }, [title])
  if (isEditing) {
    const save = (event: { currentTarget: HTMLInputElement }) => {
      const value = event.currentTarget.value.trim()
      if (value !== '' && value !== title) session.rename(value)
      setEditing(false)
    }
    return (
      <input
        class="title"
        aria-label="Title"
        defaultValue={title}
        maxLength={200}
        ref={(input) => input?.focus()}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === 'Enter') save(event)
          if (event.key === 'Escape') setEditing(false)
        }}
      />
    )
  }
  return (
    <h1 class="title">
      <button type="button" disabled={!canWrite} title="Rename" onClick={() => setEditing(true)}>
        <bdi>{title || 'New conversation'}</bdi>
      </button>
    </h1>
  )
}

/** The first words, as lists show a conversation that nobody has named. */
function beginningOf(text = ''): string {
  const words = text.slice(0, 200).split(/\s+/).join(' ').trim()
  return words.length <= MAX_BEGINNING ? words : `${words.slice(0, MAX_BEGINNING)}…`
}

/** Says why the conversation ended for this device, and what to do. */
function Ending({ session }: { session: Session }) {
  const state = useValue(session, 'status', () => session.getSaveState())
  if (state.kind !== 'ended') return null
  return (
    <p class="notice" role="alert">
      {state.reason}
    </p>
  )
}
