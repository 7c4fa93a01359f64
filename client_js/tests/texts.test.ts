import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  chunksOf,
  decodePosition,
  difference,
  encodePosition,
  updateText,
  wellFormed,
} from '../src/texts'

function textOf(content: string): Y.Text {
  const text = new Y.Doc().getText('t')
  text.insert(0, content)
  return text
}

describe('difference', () => {
  test('the caret tells which of equal characters was typed', () => {
    expect(difference('aaa', 'aaaa', 2)).toEqual({ start: 1, removed: 0, inserted: 'a' })
    expect(difference('aaa', 'aaaa', 4)).toEqual({ start: 3, removed: 0, inserted: 'a' })
  })

  test('no character is ever cut in half', () => {
    expect(difference('😀', '😁', 2)).toEqual({ start: 0, removed: 2, inserted: '😁' })
    expect(difference('a😀b', 'ab', 1)).toEqual({ start: 1, removed: 2, inserted: '' })
    expect(difference('😀😀', '😀', 2)).toEqual({ start: 2, removed: 2, inserted: '' })
  })

  test('applied to what was there it gives what is wanted, for any edit', () => {
    const pieces = ['a', 'b', 'aa', '😀', '😁', '\n', 'é', '']
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    const some = () => Array.from({ length: random(6) }, () => pieces[random(8)] ?? '').join('')
    for (let round = 0; round < 3_000; round++) {
      const [before, after] = [some() + some(), some() + some()]
      const { start, removed, inserted } = difference(before, after, random(after.length + 1))
      const result = before.slice(0, start) + inserted + before.slice(start + removed)
      expect(result).toBe(after)
      expect(wellFormed(inserted)).toBe(inserted)
    }
  })
})

test('what others type elsewhere at the same time stays', () => {
  const mine = textOf('one three')
  const theirs = new Y.Doc()
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(mine.doc ?? theirs))
  updateText(mine, 'one two three', 8)
  updateText(theirs.getText('t'), 'one three four')
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(mine.doc ?? theirs))
  expect(theirs.getText('t').toString()).toBe('one two three four')
})

test('a long insertion goes out as updates that a server takes, none with half a character', () => {
  const long = '😀'.repeat(130_000)
  const text = textOf('')
  const sizes: number[] = []
  text.doc?.on('update', (update: Uint8Array) => sizes.push(update.length))
  updateText(text, long)
  expect(text.toString()).toBe(long)
  expect(sizes.length).toBeGreaterThan(2)
  expect(Math.max(...sizes)).toBeLessThan(512 * 1024)
  for (const chunk of chunksOf(long)) expect(wellFormed(chunk)).toBe(chunk)
})

test('a position moves with the text, and one that makes no sense is none', () => {
  const text = textOf('hello world')
  const encoded = encodePosition(text, 6)
  text.insert(0, 'well, ')
  expect(decodePosition(text, encoded)).toBe(12)
  for (const odd of ['{', '[]', 'null', '{"item":{"client":-1,"clock":"x"}}', 7, 'x'.repeat(600)]) {
    expect(decodePosition(text, odd)).toBeUndefined()
  }
})
