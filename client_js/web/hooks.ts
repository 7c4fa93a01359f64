import { useCallback, useSyncExternalStore } from 'preact/compat'
import { useEffect, useState } from 'preact/hooks'

interface Source<Topic extends string> {
  subscribe(topic: Topic, callback: () => void): () => void
}

/** Reads one thing, again whenever its topic changes; `read` gives the same value until then. */
export function useValue<Topic extends string, T>(
  source: Source<Topic>,
  topic: Topic,
  read: () => T,
): T {
  const subscribe = useCallback(
    (callback: () => void) => source.subscribe(topic, callback),
    [source, topic],
  )
  return useSyncExternalStore(subscribe, read)
}

/** Tells whether a media query holds. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const listen = () => setMatches(list.matches)
    listen()
    list.addEventListener('change', listen)
    return () => list.removeEventListener('change', listen)
  }, [query])
  return matches
}

/** The time, renewed now and then: for what is said relative to it. */
export function useNow(everyMs = 30_000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
