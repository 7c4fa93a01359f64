import type { Client } from '../src'
import { newId } from '../src/ids'
import { go } from './account'
import { useNow, useValue } from './hooks'
import { DeviceIcon, PlusIcon, SignOutIcon } from './icons'
import { hueOf, initials } from './people'
import { ago } from './times'

interface Props {
  readonly client: Client
  readonly current: string | undefined
  readonly onSignOut: () => void
  readonly onChosen: () => void
}

/** One's conversations, the same on all devices. */
export function Sidebar({ client, current, onSignOut, onChosen }: Props) {
  const sessions = useValue(client.home, 'sessions', () => client.home.sessions)
  const now = useNow()
  const open = (id: string) => {
    go(id)
    onChosen()
  }
  // A new conversation is listed by the server once there is something in it.
  const isListed = current === undefined || sessions.some(({ id }) => id === current)
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="brand">
        <img src="/icons/segue.svg" alt="" width="28" height="28" />
        <strong>Segue</strong>
      </div>
      <button type="button" class="new" onClick={() => open(newId())}>
        <PlusIcon /> New conversation
      </button>
      <ul>
        {!isListed && (
          <li>
            <button type="button" class="session" aria-current="page" onClick={onChosen}>
              <span class="title">New conversation</span>
            </button>
          </li>
        )}
        {sessions.map(({ id, title, lastActivity, unread }) => (
          <li key={id}>
            <button
              type="button"
              class="session"
              aria-current={id === current ? 'page' : undefined}
              onClick={() => open(id)}
            >
              <bdi class="title">{title || 'Untitled conversation'}</bdi>
              <span class="when">{ago(lastActivity, now)}</span>
              {unread > 0 && id !== current && (
                <span class="unread">
                  {unread > 99 ? '99+' : unread}
                  <span class="hidden"> unread</span>
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
      <Me client={client} onSignOut={onSignOut} />
    </nav>
  )
}

function Me({ client, onSignOut }: { client: Client; onSignOut: () => void }) {
  const identity = useValue(client, 'identity', () => client.identity)
  const name = identity?.name ?? ''
  return (
    <div class="me">
      <span class={`avatar ${hueOf(identity?.user ?? '')}`} aria-hidden="true">
        {initials(name)}
      </span>
      <span class="who">
        <bdi>{name}</bdi>
        <small>
          <DeviceIcon kind={client.device.kind} /> {client.device.label}
        </small>
      </span>
      <button type="button" class="tiny" aria-label="Sign out on this device" onClick={onSignOut}>
        <SignOutIcon />
      </button>
    </div>
  )
}
