import { newId } from './ids'

/** What others see of the device a person is here with. */
export interface Device {
  readonly id: string
  readonly label: string
  readonly kind: 'phone' | 'tablet' | 'laptop' | 'program'
}

/** Finds out what this device is; its id is remembered, so that it stays the same after a reload. */
export function thisDevice(given: Partial<Device> = {}): Device {
  const kind = given.kind ?? guessKind()
  return { id: given.id ?? rememberedId(), kind, label: given.label ?? labelOf(kind) }
}

const KEY = 'segue.device'

function rememberedId(): string {
  try {
    const known = localStorage.getItem(KEY)
    if (known) return known
    const made = newId()
    localStorage.setItem(KEY, made)
    return made
  } catch {
    return newId() // no storage: another device at each visit
  }
}

function guessKind(): Device['kind'] {
  if (typeof window === 'undefined' || typeof matchMedia === 'undefined') return 'program'
  if (!matchMedia('(pointer: coarse)').matches) return 'laptop'
  return Math.min(screen.width, screen.height) < 600 ? 'phone' : 'tablet'
}

function labelOf(kind: Device['kind']): string {
  const system = typeof navigator === 'undefined' ? '' : navigator.userAgent
  const found = SYSTEMS.find(([pattern]) => pattern.test(system))
  return found ? found[1] : LABELS[kind]
}

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Macintosh/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
]

const LABELS = { phone: 'Phone', tablet: 'Tablet', laptop: 'Laptop', program: 'Program' } as const
