/**
 * Markdown as tokens, in bounded time. What a parser does with stars, brackets and nested quotes can take
 * time that grows with the square of their number, or all of the stack: 20 kB of `*a_` keep this one busy
 * for twenty seconds, and a page parses words that stream in again and again. So a paragraph with too
 * many such marks stays plain, and a text that is too long or nested too deep is not parsed at all.
 */
import { Lexer, type Token } from 'marked'

const MAX_LENGTH = 100_000
const MAX_IN_PARAGRAPH = 400
const MAX_IN_ALL = 5_000
const NESTED = /^(?:[\t ]*(?:>|[-+*]|\d{1,9}[.)])){20}/m
const MARK = /[*_~`[\]<!&\\@:]/g

/** Gives the blocks of a text; undefined if it is to be shown as it is. */
export function tokensOf(text: string): readonly Token[] | undefined {
  if (text.length > MAX_LENGTH || NESTED.test(text)) return undefined
  const lexer = new Lexer({ gfm: true, breaks: true })
  // As `lexer.lex`, with a look at each paragraph, cell and heading before what is inside it is read.
  lexer.blockTokens(text.replace(/\r\n?/g, '\n'), lexer.tokens)
  let all = 0
  for (const { src, tokens } of lexer.inlineQueue) {
    const marks = src.match(MARK)?.length ?? 0
    all += marks
    if (marks > MAX_IN_PARAGRAPH || all > MAX_IN_ALL) {
      tokens.push({ type: 'escape', raw: src, text: src })
    } else lexer.inlineTokens(src, tokens)
  }
  return lexer.tokens
}
