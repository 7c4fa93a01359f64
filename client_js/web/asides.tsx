import type { Session } from '../src'
import { namesOf } from './files'
import { useValue } from './hooks'
import { CloseIcon, CopyIcon } from './icons'

/** Texts that the server did not take: to copy, or to give up. */
export function Asides({ session }: { session: Session }) {
  const asides = useValue(session, 'asides', () => session.asides)
  const refused = asides.filter((aside) => aside.refused !== undefined)
  if (refused.length === 0) return null
  return (
    <ul class="asides" aria-label="Not saved">
      {refused.map(({ id, text, files = [], refused: reason }) => (
        <li key={id}>
          <p>{reason}</p>
          <pre dir="auto">{text.slice(0, 500)}</pre>
          {files.length > 0 && <p dir="auto">{namesOf(files)}</p>}
          <div class="row">
            <button type="button" class="quiet" onClick={() => void copy(text)}>
              <CopyIcon /> Copy
            </button>
            <button type="button" class="quiet" onClick={() => void session.dropAside(id)}>
              <CloseIcon /> Give up
            </button>
          </div>
        </li>
      ))}
    </ul>
  )
}

/** Puts a text on the clipboard, on plain http too, where there is no interface for it. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'hidden'
    document.body.append(area)
    area.select()
    const isDone = document.execCommand('copy')
    area.remove()
    return isDone
  }
}
