/**
 * Markdown of a model, which is hostile until shown otherwise: it becomes elements of a fixed set, never
 * HTML. Raw HTML shows as text, images as links to them, and links lead to the web only.
 */
import type { Token } from 'marked'
import type { ComponentChildren } from 'preact'
import { memo } from 'preact/compat'
import { tokensOf } from './markdown-tokens'

const MAX_DEPTH = 20

export function Markdown({ text }: { text: string }) {
  const blocks = blocksOf(text)
  if (!blocks) return <p class="plain">{text}</p>
  return (
    <div class="markdown">
      {blocks.map((block, index) => (
        // Only the last block of a text that streams in is drawn anew.
        <Block key={index} token={block} raw={block.raw} />
      ))}
    </div>
  )
}

function blocksOf(text: string): readonly Token[] | undefined {
  try {
    return tokensOf(text)
  } catch {
    return undefined // the parser's failure is not the page's
  }
}

const Block = memo(
  ({ token }: { token: Token; raw: string }) => <>{render([token], 0)}</>,
  (before, after) => before.raw === after.raw,
)

function render(tokens: readonly Token[] | undefined, depth: number): ComponentChildren {
  if (depth > MAX_DEPTH) return tokens?.map(({ raw }) => raw).join('')
  return tokens?.map((token) => element(token, depth + 1))
}

function element(token: Token, depth: number): ComponentChildren {
  const inside = () => render('tokens' in token ? token.tokens : undefined, depth)
  switch (token.type) {
    case 'paragraph':
      return <p dir="auto">{inside()}</p>
    case 'heading':
      return heading(token.depth, inside())
    case 'list':
      return list(token, depth)
    case 'blockquote':
      return <blockquote dir="auto">{inside()}</blockquote>
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      )
    case 'table':
      return table(token, depth)
    case 'hr':
      return <hr />
    case 'strong':
      return <strong>{inside()}</strong>
    case 'em':
      return <em>{inside()}</em>
    case 'del':
      return <del>{inside()}</del>
    case 'codespan':
      return <code>{token.text}</code>
    case 'br':
      return <br />
    case 'link':
      return link(token.href, inside(), token.raw)
    case 'image':
      return link(token.href, token.text || 'image', token.raw)
    case 'text':
      return 'tokens' in token && token.tokens ? inside() : unescaped(token.text)
    case 'escape':
      return token.text
    case 'checkbox':
      return <input type="checkbox" checked={token.checked} disabled aria-label="Task" />
    case 'space':
    case 'def':
      return null
    default:
      return token.raw // raw HTML too
  }
}

// One level for all: which one a message starts with, and which it skips, is the model's whim.
function heading(level: number, children: ComponentChildren) {
  return (
    <h2 class={`level-${Math.min(level, 3)}`} dir="auto">
      {children}
    </h2>
  )
}

function list(token: Token, depth: number) {
  if (token.type !== 'list') return null
  const items = token.items as readonly (Token & { tokens: Token[] })[]
  const children = items.map((item, index) => (
    <li key={index} dir="auto">
      {render(item.tokens, depth)}
    </li>
  ))
  if (!token.ordered) return <ul>{children}</ul>
  return <ol start={typeof token.start === 'number' ? token.start : 1}>{children}</ol>
}

interface Cell {
  readonly tokens: Token[]
}

function table(token: Token, depth: number) {
  if (token.type !== 'table') return null
  const row = (cells: readonly Cell[], Tag: 'th' | 'td') =>
    cells.map((cell, index) => (
      <Tag key={index} dir="auto">
        {render(cell.tokens, depth)}
      </Tag>
    ))
  return (
    <div class="scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>{row(token.header, 'th')}</tr>
        </thead>
        <tbody>
          {token.rows.map((cells: readonly Cell[], index: number) => (
            <tr key={index}>{row(cells, 'td')}</tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function link(href: string, children: ComponentChildren, raw: string): ComponentChildren {
  return (
    <WebLink href={href} otherwise={raw}>
      {children}
    </WebLink>
  )
}

/** A link that a model made: it leads to the web, or is no link. */
export function WebLink(props: { href: string; otherwise: string; children: ComponentChildren }) {
  const target = safeTarget(props.href)
  if (!target) return <>{props.otherwise}</>
  return (
    <a href={target} title={target} target="_blank" rel="noopener noreferrer nofollow" dir="auto">
      {props.children}
    </a>
  )
}

/** Gives the address that a link may lead to; undefined for scripts, files, and what isn't one. */
export function safeTarget(href: string): string | undefined {
  try {
    const url = new URL(href)
    return ['https:', 'http:', 'mailto:'].includes(url.protocol) ? url.href : undefined
  } catch {
    return undefined
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

function unescaped(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)
}
