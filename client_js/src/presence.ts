/** Who is here. A device says of itself what it likes: everything is checked for shape and cut to size. */

export interface Presence {
  readonly user: { readonly id: string; readonly name: string }
  readonly device: string
  readonly label: string
  readonly kind: string
  readonly typing: boolean
  /** What the person looks at, as far as the app says so. */
  readonly viewing?: Viewing
}

export interface Viewing {
  readonly artifact?: string
  /** Encoded positions in the artifact's text. */
  readonly anchor?: string
  readonly head?: string
}

export interface Other extends Presence {
  /** Differs for each page: a person may be here with two devices, and a device with two tabs. */
  readonly connectionId: number
}

/** Gives everyone's presence but the own connection's. */
export function othersIn(states: ReadonlyMap<number, unknown>, own: number): readonly Other[] {
  return [...states]
    .filter(([connectionId]) => connectionId !== own)
    .flatMap(([connectionId, state]) => {
      const presence = readPresence(state)
      return presence ? [{ connectionId, ...presence }] : []
    })
    .sort((one, other) => one.connectionId - other.connectionId)
}

export function readPresence(state: unknown): Presence | undefined {
  const { user, device, label, kind, typing, viewing } = record(state)
  const id = text(record(user).id)
  if (id === '') return undefined
  const seen = readViewing(viewing)
  return {
    user: { id, name: text(record(user).name) || id },
    device: text(device),
    label: text(label),
    kind: text(kind),
    typing: typing === true,
    ...(seen && { viewing: seen }),
  }
}

function readViewing(value: unknown): Viewing | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { artifact, anchor, head } = record(value)
  return {
    ...(typeof artifact === 'string' && { artifact: text(artifact) }),
    ...(typeof anchor === 'string' && { anchor: text(anchor, 512) }),
    ...(typeof head === 'string' && { head: text(head, 512) }),
  }
}

function text(value: unknown, most = 100): string {
  return typeof value === 'string' ? value.slice(0, most) : ''
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
