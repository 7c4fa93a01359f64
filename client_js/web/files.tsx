/** Files of a message. Pictures of a few kinds are shown; everything else is to be saved, and never opened here. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { FilePart, Session } from '../src'
import { DocumentIcon, DownloadIcon } from './icons'

// Kinds without scripts, references or anything else inside that a browser would follow. SVG is none.
const PICTURES: ReadonlySet<string> = new Set([
  'image/avif',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/webp',
])
const MAX_PICTURE_BYTES = 25 * 1024 * 1024
const REVOKE_AFTER_MS = 60_000
const NEAR = '400px'

export function Files({ session, files }: { session: Session; files: readonly FilePart[] }) {
  if (files.length === 0) return null
  return (
    <ul class="files" aria-label="Files">
      {files.map((file, index) => (
        <li key={`${index} ${file.ref}`}>
          {PICTURES.has(file.mediaType) && file.size <= MAX_PICTURE_BYTES && (
            <Picture session={session} file={file} />
          )}
          <Saving session={session} file={file} />
        </li>
      ))}
    </ul>
  )
}

/** A picture, fetched once it comes near. */
function Picture({ session, file }: { session: Session; file: FilePart }) {
  const place = useRef<HTMLDivElement>(null)
  const [url, setUrl] = useState<string>()
  const [isBroken, setBroken] = useState(false)
  const [isLarge, setLarge] = useState(false)
  useEffect(() => {
    const giving = new AbortController()
    let made: string | undefined
    const show = async () => {
      try {
        const bytes = await session.readFile(file.ref, giving.signal)
        if (giving.signal.aborted) return
        made = URL.createObjectURL(new Blob([bytes], { type: file.mediaType }))
        setUrl(made)
      } catch {
        if (!giving.signal.aborted) setBroken(true)
      }
    }
    const near = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return
        near.disconnect()
        void show()
      },
      { rootMargin: NEAR },
    )
    if (place.current) near.observe(place.current)
    return () => {
      near.disconnect()
      giving.abort()
      if (made !== undefined) URL.revokeObjectURL(made)
    }
  }, [session, file.ref, file.mediaType])
  if (isBroken) return null
  return (
    <div class="picture" ref={place}>
      {url !== undefined && (
        <button type="button" onClick={() => setLarge(true)}>
          <img src={url} alt={shownName(file.name)} onError={() => setBroken(true)} />
        </button>
      )}
      {url !== undefined && isLarge && (
        <Large url={url} name={shownName(file.name)} onClose={() => setLarge(false)} />
      )}
    </div>
  )
}

/** A picture as large as the screen lets it be; a click anywhere, or Escape, and it is gone. */
function Large({ url, name, onClose }: { url: string; name: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} class="large" aria-label={name} onClose={onClose}>
      <button type="button" aria-label={`Close ${name}`} onClick={() => dialog.current?.close()}>
        <img src={url} alt={name} />
      </button>
    </dialog>
  )
}

function Saving({ session, file }: { session: Session; file: FilePart }) {
  const [state, setState] = useState('')
  const name = shownName(file.name)
  const save = async () => {
    setState('Fetching…')
    try {
      const bytes = await session.readFile(file.ref)
      // Of no type that a browser would open: it would run with this page's rights.
      const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
      const link = document.createElement('a')
      link.href = url
      link.download = name
      link.click()
      setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS)
      setState('')
    } catch (error) {
      setState(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <div class="file">
      <DocumentIcon />
      <span class="chip">
        <bdi>{name}</bdi>
        <small>{state || shownSize(file.size)}</small>
      </span>
      <button type="button" class="tiny" aria-label={`Save ${name}`} onClick={() => void save()}>
        <DownloadIcon />
      </button>
    </div>
  )
}

const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Gives a file's name without what would have its end, and so its kind, read as another. */
export function shownName(name: string): string {
  return name.replace(TURNING, '').slice(0, 255) || 'file'
}

/** Says which files there are, where they aren't shown. */
export function namesOf(files: readonly FilePart[]): string {
  return files.map(({ name }) => shownName(name)).join(', ')
}

export function shownSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  let size = bytes / 1000
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`
}
