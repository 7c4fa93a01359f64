/** Files that are going to be sent with the next message: each uploads at once, and can be given up. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { FilePart, Session } from '../src'

export interface Attachment {
  readonly key: number
  readonly file: File
  /** From 0 to 1. */
  readonly share: number
  /** Once it is there. */
  readonly part?: FilePart
  /** Why it isn't, and won't be. */
  readonly problem?: string
}

export interface Attachments {
  readonly list: readonly Attachment[]
  readonly isReady: boolean
  readonly add: (files: Iterable<File>) => void
  readonly remove: (key: number) => void
  readonly again: (key: number) => void
  readonly clear: () => void
}

const MOST = 10

export function useAttachments(session: Session, onProblem: (text: string) => void): Attachments {
  const [list, setList] = useState<readonly Attachment[]>([])
  const next = useRef(0)
  const uploads = useRef(new Map<number, AbortController>())
  const change = (key: number, change: Partial<Attachment>) =>
    setList((all) => all.map((each) => (each.key === key ? { ...each, ...change } : each)))

  const upload = async (key: number, file: File) => {
    const giving = new AbortController()
    uploads.current.set(key, giving)
    try {
      const onProgress = (share: number) => change(key, { share })
      const part = await session.uploadFile(file, { onProgress, signal: giving.signal })
      change(key, { part, share: 1 })
    } catch (error) {
      if (!giving.signal.aborted) change(key, { problem: String((error as Error).message) })
    } finally {
      uploads.current.delete(key)
    }
  }
  useEffect(() => {
    const open = uploads.current
    return () => {
      for (const giving of open.values()) giving.abort()
    }
  }, [])

  return {
    list,
    isReady: list.every(({ part }) => part !== undefined),
    add: (files) => {
      const room = MOST - list.length
      const all = [...files]
      if (all.length > room) onProblem(`A message takes ${MOST} files. Send the others after it.`)
      const added = all.slice(0, room).map((file) => ({ key: next.current++, file, share: 0 }))
      setList((before) => [...before, ...added])
      for (const { key, file } of added) void upload(key, file)
    },
    remove: (key) => {
      uploads.current.get(key)?.abort()
      setList((all) => all.filter((each) => each.key !== key))
    },
    again: (key) => {
      const found = list.find((each) => each.key === key)
      if (!found) return
      setList((all) =>
        all.map((each) => (each.key === key ? { key, file: found.file, share: 0 } : each)),
      )
      void upload(key, found.file)
    },
    clear: () => setList([]),
  }
}

/** Takes files that are dropped anywhere on the page; tells while some are held above it. */
export function useDrop(add: Attachments['add'] | undefined): boolean {
  const [isAbove, setAbove] = useState(false)
  const latest = useRef(add)
  latest.current = add
  useEffect(() => {
    const holds = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    // Not taken here, a file that is dropped beside the field would open in place of the page.
    const over = (event: DragEvent) => {
      if (!holds(event)) return
      event.preventDefault()
      setAbove(latest.current !== undefined)
    }
    const out = (event: DragEvent) => event.relatedTarget === null && setAbove(false)
    const drop = (event: DragEvent) => {
      if (!holds(event)) return
      event.preventDefault()
      setAbove(false)
      latest.current?.(event.dataTransfer?.files ?? [])
    }
    window.addEventListener('dragover', over)
    window.addEventListener('dragleave', out)
    window.addEventListener('drop', drop)
    return () => {
      window.removeEventListener('dragover', over)
      window.removeEventListener('dragleave', out)
      window.removeEventListener('drop', drop)
    }
  }, [])
  return isAbove
}
