/** Binds a text field to a shared text: what others type moves the caret, never what is typed here. */
import type * as Y from 'yjs'
import { difference, updateText } from '../src/texts'

type Delta = Y.YTextEvent['delta']

export interface Caret {
  readonly anchor: number
  readonly head: number
}

/**
 * Keeps `area` and `text` the same until the function that it gives is called.
 *
 * While a character is being composed (Japanese, dictation, a phone's keyboard) the field is left alone,
 * for writing into it would end the composition; what others typed meanwhile is merged in at its end.
 */
export function bindText(
  area: HTMLTextAreaElement,
  text: Y.Text,
  onChange: (isLocal: boolean) => void,
): () => void {
  let shown = text.toString()
  let isComposing = false
  let isOwn = false
  let missed: Delta[] = []

  const show = (value: string, caret: Caret) => {
    shown = value
    area.value = value
    if (document.activeElement === area) area.setSelectionRange(caret.anchor, caret.head)
  }
  const push = () => {
    if (isComposing || area.value === shown) return
    isOwn = true
    if (missed.length === 0) updateText(text, area.value, area.selectionEnd)
    else merge()
    isOwn = false
    const end = area.selectionEnd
    if (text.toString() !== area.value) show(text.toString(), { anchor: end, head: end })
    shown = area.value
    onChange(true)
  }
  /** Puts what was composed where it belongs in a text that has changed meanwhile. */
  const merge = () => {
    const { start, removed, inserted } = difference(shown, area.value, area.selectionEnd)
    const from = missed.reduce(moved, start)
    const to = missed.reduce(moved, start + removed)
    const current = text.toString()
    updateText(text, current.slice(0, from) + inserted + current.slice(to), from + inserted.length)
    missed = []
    show(text.toString(), { anchor: from + inserted.length, head: from + inserted.length })
  }
  const observe = (event: Y.YTextEvent) => {
    if (isOwn) return
    if (isComposing) {
      missed.push(event.delta)
      return
    }
    const caret = { anchor: area.selectionStart, head: area.selectionEnd }
    const move = (index: number) => moved(index, event.delta)
    show(text.toString(), { anchor: move(caret.anchor), head: move(caret.head) })
    onChange(false)
  }
  const composing = () => {
    isComposing = true
  }
  const composed = () => {
    isComposing = false
    if (area.value === shown && missed.length > 0) {
      const index = missed.reduce(moved, area.selectionEnd)
      missed = []
      show(text.toString(), { anchor: index, head: index })
    } else push()
  }

  show(shown, { anchor: shown.length, head: shown.length })
  text.observe(observe)
  area.addEventListener('input', push)
  area.addEventListener('compositionstart', composing)
  area.addEventListener('compositionend', composed)
  onChange(false)
  return () => {
    text.unobserve(observe)
    area.removeEventListener('input', push)
    area.removeEventListener('compositionstart', composing)
    area.removeEventListener('compositionend', composed)
  }
}

/**
 * Gives where an index is after another's edit. It stays with what is left of it: of two who type in the
 * same place at once, each goes on behind their own words, and neither's are torn apart.
 */
export function moved(index: number, delta: Delta): number {
  let at = 0
  let result = index
  for (const { retain, insert, delete: removed } of delta) {
    if (at > result) break
    if (retain !== undefined) at += retain
    if (typeof insert === 'string') {
      if (at < result) result += insert.length
      at += insert.length
    }
    if (removed !== undefined) result -= Math.min(removed, Math.max(0, result - at))
  }
  return result
}
