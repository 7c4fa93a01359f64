/** React hooks; they work with preact/compat as well. */
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import type { Client } from './client'
import type { Status } from './connection'
import type { Message } from './messages'
import type { Other, Presence } from './presence'
import type { Session, SessionTopic } from './session'

/** Enters a session for as long as the component lives; null until it is entered. */
export function useSession(client: Client, id: string): Session | null {
  const [session, setSession] = useState<Session | null>(null)
  useEffect(() => {
    setSession(client.enterSession(id))
    return () => {
      setSession(null)
      client.leaveSession(id)
    }
  }, [client, id])
  return session?.id === id ? session : null
}

/** The conversation, oldest first. */
export function useMessages(session: Session | null): readonly Message[] {
  return useTopic(session, 'messages', (of) => of.messages, NONE)
}

/** Everyone else who is here. */
export function useOthers(session: Session | null): readonly Other[] {
  return useTopic(session, 'others', (of) => of.getOthers(), NONE)
}

/** What others see of this connection, and how to change it. */
export function useMyPresence(
  session: Session | null,
): [Presence | undefined, (change: Partial<Presence>) => void] {
  const encoded = useTopic(
    session,
    'presence',
    (of) => JSON.stringify(of.getPresence() ?? null),
    'null',
  )
  const update = useCallback(
    (change: Partial<Presence>) => session?.updatePresence(change),
    [session],
  )
  return [(JSON.parse(encoded) as Presence | null) ?? undefined, update]
}

export function useStatus(session: Session | null): Status {
  return useTopic<Status>(session, 'status', (of) => of.getStatus(), 'connecting')
}

/** `synchronized`: every edit of this device is durable at the server. */
export function useSyncStatus(session: Session | null): 'synchronizing' | 'synchronized' {
  return useTopic(session, 'status', (of) => of.getSyncStatus(), 'synchronizing')
}

/** Reads one thing of a session, again whenever its topic changes; `read` gives the same value until then. */
export function useTopic<T>(
  session: Session | null,
  topic: SessionTopic,
  read: (session: Session) => T,
  missing: T,
): T {
  const subscribe = useCallback(
    (callback: () => void) => session?.subscribe(topic, callback) ?? (() => {}),
    [session, topic],
  )
  const snapshot = () => (session ? read(session) : missing)
  return useSyncExternalStore(subscribe, snapshot, snapshot)
}

const NONE: readonly never[] = Object.freeze([])
