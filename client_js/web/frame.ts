/** A page in a frame of /side-by-side is a device of its own, whose network can be cut. */

import type { Device } from '../src/device'
import { newId } from '../src/ids'

const DEVICES: Readonly<Record<string, Pick<Device, 'kind' | 'label'>>> = {
  phone: { kind: 'phone', label: 'Phone' },
  laptop: { kind: 'laptop', label: 'Laptop' },
}

/** The frame's name among devices; undefined where the page stands alone. */
export const frameName = frameOf(new URLSearchParams(location.search).get('device'))

function frameOf(name: string | null): string | undefined {
  return name !== null && name in DEVICES ? name : undefined
}

/** Gives the frame's device; undefined where the page stands alone. */
export function frameDevice(): Device | undefined {
  const about = frameName === undefined ? undefined : DEVICES[frameName]
  if (!about) return undefined
  const key = `segue.device.${frameName}`
  const id = localStorage.getItem(key) ?? newId()
  localStorage.setItem(key, id)
  return { id, ...about }
}

export const cutKey = (name: string) => `segue.cut.${name}`

/** Tells whether the frame's network is cut, and calls when that changes. */
export function watchNetwork(onChange: (cut: boolean) => void): () => void {
  if (frameName === undefined) return () => {}
  // Session storage is the tab's: a frame that is reloaded while cut stays cut.
  onChange(sessionStorage.getItem(cutKey(frameName)) === 'yes')
  const listen = (event: MessageEvent) => {
    if (event.source !== parent || event.origin !== location.origin) return
    if (typeof event.data?.cut === 'boolean') onChange(event.data.cut)
  }
  addEventListener('message', listen)
  return () => removeEventListener('message', listen)
}
