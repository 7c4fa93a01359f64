import type { Attachment, Attachments } from './attachments'
import { shownName, shownSize } from './files'
import { AgainIcon, CloseIcon } from './icons'

/** The files above the field, as far as they are. */
export function Attached({ files }: { files: Attachments }) {
  if (files.list.length === 0) return null
  return (
    <ul class="attached" aria-label="Files for this message">
      {files.list.map((each) => (
        <li key={each.key} class={each.problem === undefined ? '' : 'bad'}>
          <Chip {...each} />
          {each.problem !== undefined && (
            <button
              type="button"
              class="tiny"
              aria-label={`Try ${shownName(each.file.name)} again`}
              onClick={() => files.again(each.key)}
            >
              <AgainIcon />
            </button>
          )}
          <button
            type="button"
            class="tiny"
            aria-label={`Remove ${shownName(each.file.name)}`}
            onClick={() => files.remove(each.key)}
          >
            <CloseIcon />
          </button>
        </li>
      ))}
    </ul>
  )
}

function Chip({ file, share, part, problem }: Attachment) {
  const name = shownName(file.name)
  return (
    <span class="chip">
      <bdi>{name}</bdi>
      {problem === undefined ? (
        <small>{shownSize(file.size)}</small>
      ) : (
        <small role="alert">{problem}</small>
      )}
      {problem === undefined && part === undefined && (
        <progress value={share} max={1} aria-label={`${name} is being uploaded`} />
      )}
    </span>
  )
}
