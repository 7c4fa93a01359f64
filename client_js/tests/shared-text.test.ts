// @vitest-environment happy-dom
/** A text field bound to a shared text. */
import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { bindText, moved } from '../web/shared-text'

let area: HTMLTextAreaElement
let text: Y.Text

beforeEach(() => {
  document.body.replaceChildren()
  area = document.body.appendChild(document.createElement('textarea'))
  text = new Y.Doc().getText('t')
  text.insert(0, 'one three')
  bindText(area, text, () => {})
  area.focus()
})

/** Types in the field, as a person: the browser changes it, then tells. */
function type(value: string, caret: number): void {
  area.value = value
  area.setSelectionRange(caret, caret)
  area.dispatchEvent(new Event('input'))
}

test('typing changes the shared text', () => {
  type('one two three', 8)
  expect(text.toString()).toBe('one two three')
})

test("another's typing moves the caret along, not away", () => {
  area.setSelectionRange(9, 9)
  text.insert(0, 'zero ')
  expect(area.value).toBe('zero one three')
  expect(area.selectionStart).toBe(14)
  text.insert(14, '!')
  text.delete(0, 5)
  expect(area.value).toBe('one three!')
})

test('while a character is composed the field is left alone, and both texts survive', () => {
  area.setSelectionRange(4, 4)
  area.dispatchEvent(new Event('compositionstart'))
  type('one tw three', 6)
  text.insert(0, 'zero ')
  text.insert(text.length, ' four')
  expect(area.value).toBe('one tw three')
  type('one two three', 7)
  area.dispatchEvent(new Event('compositionend'))
  expect(text.toString()).toBe('zero one two three four')
  expect(area.value).toBe('zero one two three four')
})

test('a composition that came to nothing shows what others typed meanwhile', () => {
  area.dispatchEvent(new Event('compositionstart'))
  text.insert(0, 'zero ')
  area.dispatchEvent(new Event('compositionend'))
  expect(area.value).toBe('zero one three')
})

describe('an index', () => {
  test.each([
    [5, [{ insert: 'ab' }], 7],
    [5, [{ retain: 5 }, { insert: 'ab' }], 5],
    [5, [{ retain: 4 }, { insert: 'ab' }], 7],
    [5, [{ retain: 6 }, { insert: 'ab' }], 5],
    [5, [{ delete: 3 }], 2],
    [5, [{ retain: 3 }, { delete: 10 }], 3],
    [5, [{ retain: 1 }, { delete: 1 }, { insert: 'xyz' }], 7],
  ])('%i under %j is %i', (index, delta, expected) => {
    expect(moved(index, delta)).toBe(expected)
  })
})
