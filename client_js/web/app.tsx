import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { type Client, createClient } from '../src'
import { readAddress, signInFromAddress, signOut, tokenFor } from './account'
import { Conversation } from './conversation'
import { frameDevice, watchNetwork } from './frame'
import { useValue } from './hooks'
import { Join } from './join'
import { Sidebar } from './sidebar'
import { SignIn } from './sign-in'

/** The page: signed in with a conversation open, or not. */
export function App() {
  const { session, token, join, problem, refresh } = useAddress()
  const client = useClient(join === undefined ? token : undefined)
  const [isMenuOpen, setMenuOpen] = useState(false)
  const closeMenu = () => setMenuOpen(false)
  useEffect(() => {
    if (isMenuOpen) document.querySelector<HTMLElement>('.sidebar .new')?.focus()
  }, [isMenuOpen])
  if (join !== undefined) return <Join key={join} code={join} token={token} />
  if (!client) return <SignIn problem={problem} onSignedIn={refresh} />
  const leave = async () => {
    if (!client.isSaved && !confirm(UNSAVED)) return
    signOut(session)
    await client.forget().catch(() => {})
    refresh()
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the menu from anywhere
    <div
      class={`app ${isMenuOpen ? 'menu-open' : ''}`}
      onKeyDown={(event) => event.key === 'Escape' && closeMenu()}
    >
      <Sidebar
        client={client}
        current={session}
        onSignOut={() => void leave()}
        onChosen={closeMenu}
      />
      {/* For a pointer only: with a keyboard it is Escape. */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as said */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as said */}
      <div class="shade" onClick={closeMenu} />
      {session === undefined ? (
        <Start client={client} onMenu={() => setMenuOpen(true)} />
      ) : (
        <Conversation key={session} client={client} id={session} onMenu={() => setMenuOpen(true)} />
      )}
    </div>
  )
}

const UNSAVED = 'Not all you typed is saved yet. Sign out and lose it?'

function Start({ client, onMenu }: { client: Client; onMenu: () => void }) {
  const failure = useValue(client, 'status', () => client.failure)
  return (
    <main class="conversation start">
      <img src="/icons/segue.svg" alt="" width="64" height="64" />
      <h1>One conversation, on every device</h1>
      <p>Choose a conversation, or begin a new one.</p>
      {failure && (
        <p class="notice" role="alert">
          {failure.reason}
        </p>
      )}
      <button type="button" class="primary only-small" onClick={onMenu}>
        Conversations
      </button>
    </main>
  )
}

function whereWeAre() {
  let problem = ''
  try {
    signInFromAddress()
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error)
  }
  const { session, join } = readAddress(location.hash)
  return { session, join, token: tokenFor(session), problem }
}

function useAddress() {
  const [state, setState] = useState(whereWeAre)
  const refresh = useCallback(() => setState(whereWeAre()), [])
  useEffect(() => {
    addEventListener('hashchange', refresh)
    addEventListener('popstate', refresh)
    return () => {
      removeEventListener('hashchange', refresh)
      removeEventListener('popstate', refresh)
    }
  }, [refresh])
  return { ...state, refresh }
}

function useClient(token: string | undefined): Client | undefined {
  const client = useMemo(() => {
    if (token === undefined) return undefined
    const device = frameDevice()
    return createClient({ url: location.origin, token, ...(device && { device }) })
  }, [token])
  useEffect(() => {
    if (!client) return
    const unwatch = watchNetwork((cut) => client.cutNetwork(cut))
    const warn = (event: BeforeUnloadEvent) => {
      if (!client.isSaved) event.preventDefault()
    }
    addEventListener('beforeunload', warn)
    return () => {
      unwatch()
      removeEventListener('beforeunload', warn)
      client.destroy()
    }
  }, [client])
  return client
}
