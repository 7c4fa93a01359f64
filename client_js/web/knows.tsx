import { useState } from 'preact/hooks'
import type { Client, Entry, Session } from '../src'
import { useNow, useValue } from './hooks'
import { EditIcon, PlusIcon, TrashIcon } from './icons'
import { ago, fullTime } from './times'

/** What the assistant knows, from whom and since when; a person's word replaces what was there. */
export function Knows({ client, session }: { client: Client; session: Session }) {
  const context = useValue(session, 'context', () => session.context)
  const profile = useValue(client.home, 'profile', () => client.home.profile)
  const canWrite = useValue(session, 'status', () => session.canWrite)
  const me = client.identity?.user ?? ''
  const ownsHome = client.identity?.sessions === undefined
  return (
    <div class="knows">
      <Entries
        title="In this conversation"
        empty="Nothing yet. What the assistant learns here is listed, and you can correct it."
        entries={context}
        me={me}
        canWrite={canWrite}
        onPut={(key, value) => session.setContext(key, value)}
        onRemove={(key) => session.removeContext(key)}
      />
      {ownsHome && (
        <Entries
          title="About you"
          empty="Nothing yet. What you write here is known in all your conversations, to you alone."
          entries={profile}
          me={me}
          canWrite={true}
          onPut={(key, value) => client.home.setProfile(key, value)}
          onRemove={(key) => client.home.removeProfile(key)}
        />
      )}
    </div>
  )
}

interface ListProps {
  readonly title: string
  readonly empty: string
  readonly entries: readonly Entry[]
  readonly me: string
  readonly canWrite: boolean
  readonly onPut: (key: string, value: unknown) => void
  readonly onRemove: (key: string) => void
}

const MOST_SHOWN = 200

function Entries(props: ListProps) {
  const [isAdding, setAdding] = useState(false)
  return (
    <section>
      <h3>{props.title}</h3>
      {props.entries.length === 0 && <p class="empty">{props.empty}</p>}
      <dl>
        {props.entries.slice(0, MOST_SHOWN).map((entry) => (
          <EntryView key={entry.key} entry={entry} {...props} />
        ))}
      </dl>
      {props.canWrite &&
        (isAdding ? (
          <NewEntry onPut={props.onPut} onDone={() => setAdding(false)} />
        ) : (
          <button type="button" class="quiet" onClick={() => setAdding(true)}>
            <PlusIcon /> Add
          </button>
        ))}
    </section>
  )
}

function EntryView({ entry, me, canWrite, onPut, onRemove }: ListProps & { entry: Entry }) {
  const [isEditing, setEditing] = useState(false)
  const now = useNow()
  const name = nameOf(entry.key)
  return (
    <div class={`entry ${entry.isStale ? 'stale' : ''}`}>
      <dt>
        <bdi>{name}</bdi>
      </dt>
      <dd>
        {isEditing ? (
          <ValueForm
            label={name}
            value={textOf(entry.value)}
            onSave={(text) => {
              onPut(entry.key, correctedValue(text, entry.value))
              setEditing(false)
            }}
            onCancel={() => setEditing(false)}
          />
        ) : (
          <>
            <bdi class="value">{textOf(entry.value)}</bdi>
            {canWrite && (
              <span class="tools">
                <button
                  type="button"
                  class="tiny"
                  aria-label={`Correct ${name}`}
                  onClick={() => setEditing(true)}
                >
                  <EditIcon />
                </button>
                <button
                  type="button"
                  class="tiny"
                  aria-label={`Forget ${name}`}
                  onClick={() => onRemove(entry.key)}
                >
                  <TrashIcon />
                </button>
              </span>
            )}
          </>
        )}
        <small title={fullTime(entry.observedAt)}>
          {entry.isStale && <strong>May be out of date. </strong>}
          <Origin entry={entry} me={me} /> {ago(entry.observedAt, now)}
        </small>
      </dd>
    </div>
  )
}

function ValueForm(props: {
  label: string
  value: string
  onSave: (text: string) => void
  onCancel: () => void
}) {
  const [text, setText] = useState(props.value)
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        props.onSave(text)
      }}
    >
      <input
        aria-label={props.label}
        value={text}
        maxLength={2_000}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && props.onCancel()}
      />
      <button type="submit" class="primary">
        Save
      </button>
    </form>
  )
}

function NewEntry({ onPut, onDone }: { onPut: ListProps['onPut']; onDone: () => void }) {
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  return (
    <form
      class="new-entry"
      onSubmit={(event) => {
        event.preventDefault()
        const name = key.trim().toLowerCase().replace(/\s+/g, '_')
        if (name !== '' && value.trim() !== '') onPut(name.slice(0, 100), value.trim())
        onDone()
      }}
    >
      <input
        aria-label="Name"
        placeholder="Home airport"
        value={key}
        maxLength={100}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <input
        aria-label="Value"
        placeholder="LIS"
        value={value}
        maxLength={2_000}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <div class="row">
        <button type="button" class="quiet" onClick={onDone}>
          Cancel
        </button>
        <button type="submit" class="primary">
          Add
        </button>
      </div>
    </form>
  )
}

/** Says from whom it is, and leads to the message that it was read from. */
function Origin({ entry: { by, source }, me }: { entry: Entry; me: string }) {
  const who = by === '' ? 'somebody' : by === me ? 'you' : by
  const message = /^message:(.+)$/.exec(source)?.[1]
  if (message !== undefined) {
    const show = () => document.getElementById(`m-${message}`)?.scrollIntoView({ block: 'center' })
    return (
      <>
        From <bdi>{who}</bdi>, read in{' '}
        <button type="button" class="link" onClick={show}>
          a message
        </button>
        ,
      </>
    )
  }
  const where = source === '' || source === 'user' ? '' : ` (${source})`
  return (
    <>
      From <bdi>{who}</bdi>
      <bdi>{where}</bdi>,
    </>
  )
}

/** Makes a key readable: `trip.home_airport` becomes "Trip: home airport". */
export function nameOf(key: string): string {
  const text = key.replace(/_/g, ' ').replace(/\./g, ': ').slice(0, 100)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, 2_000)
  if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
    return value.join(', ')
  return (JSON.stringify(value) ?? '').slice(0, 2_000)
}

/** Reads a corrected value as the kind of thing that it corrects. */
export function correctedValue(text: string, before: unknown): unknown {
  if (Array.isArray(before)) return text.split(',').map((each) => each.trim())
  if (typeof before === 'string') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
