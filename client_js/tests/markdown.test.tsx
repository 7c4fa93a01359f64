// @vitest-environment happy-dom
/** What a hostile model may write, and that it does nothing. */
import { render } from 'preact'
import { describe, expect, test } from 'vitest'
import { Markdown, safeTarget } from '../web/markdown'

function drawn(text: string): HTMLElement {
  const root = document.createElement('div')
  render(<Markdown text={text} />, root)
  return root
}

const HARMLESS = new Set(
  'A BLOCKQUOTE BR CODE DEL DIV EM H2 HR INPUT LI OL P PRE STRONG TABLE TBODY TD TH THEAD TR UL'.split(
    ' ',
  ),
)
const ATTRIBUTES = new Set(
  'href title target rel dir class tabindex start type checked disabled aria-label'.split(' '),
)

function expectHarmless(root: HTMLElement): void {
  for (const element of root.querySelectorAll('*')) {
    expect(HARMLESS).toContain(element.tagName)
    for (const { name } of element.attributes) expect(ATTRIBUTES).toContain(name)
    const href = element.getAttribute('href')
    if (href !== null) expect(href).toMatch(/^(https?|mailto):/)
  }
}

describe('hostile Markdown', () => {
  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'text <b onclick="alert(1)">bold</b> text',
    '<iframe src="https://evil.example"></iframe>',
    '<style>body{display:none}</style>\n\n# still here',
    '![tracker](https://evil.example/pixel.png)',
    '![x](javascript:alert(1))',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\nscript:alert(1))',
    '[x]( javascript:alert(1))',
    '[x](data:text/html;base64,PHNjcmlwdD4=)',
    '[x](vbscript:x) [y](file:///etc/passwd) [z](//evil.example)',
    '<javascript:alert(1)>',
    '[x][1]\n\n[1]: javascript:alert(1)',
    '[a](https://ok.example "t\\" onmouseover=\\"alert(1)")',
    '`<img src=x onerror=alert(1)>`',
    '```html\n<script>alert(1)</script>\n```',
    '| <script>x</script> | b |\n| --- | --- |\n| ![i](https://evil.example/i) | <b>c</b> |',
    '- [ ] <svg onload=alert(1)>',
    '&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;img&#x3e;',
    '<a href="https://ok.example">a</a> <!-- c --> <?php x ?> <![CDATA[x]]>',
  ])('%s', (text) => {
    const root = drawn(text)
    expectHarmless(root)
    expect(root.textContent?.length).toBeGreaterThan(0)
  })

  test.each(['*a_', '*a\n_', '[', '[a](', '![', 'a@a.', '`a ', '**a ', 'a <b '])(
    'a parser that would take its time with many %j does not get them',
    (piece) => {
      const root = drawn(`Before\n\n${piece.repeat(5_000)} end`)
      expect(root.querySelectorAll('p')).toHaveLength(2)
      expect(root.querySelectorAll('p *')).toHaveLength(0)
      expect(root.textContent).toContain('end')
    },
  )

  test.each(['>', '> ', '- ', '1. '])('%j nested beyond reason is shown as text', (piece) => {
    const root = drawn(`${piece.repeat(5_000)} end`)
    expect(root.querySelectorAll('*')).toHaveLength(1)
  })

  test('code, long tables and long texts are no such thing', () => {
    const code = `\`\`\`c\n${'*p = &a[i] * b[j];\n'.repeat(300)}\`\`\``
    expect(drawn(code).querySelectorAll('pre code')).toHaveLength(1)
    const rows = '| **a** | [b](https://b.example) | `c` |\n'.repeat(200)
    expect(drawn(`| x | y | z |\n| - | - | - |\n${rows}`).querySelectorAll('a')).toHaveLength(200)
    const text = '- **Tram 28** goes up to the [Miradouro](https://example.com), see *there*.\n'
    expect(drawn(`${text.repeat(10)}\n`.repeat(30)).querySelectorAll('a')).toHaveLength(300)
  })

  test('a line of a megabyte is shown as text', () => {
    const root = drawn('**a**'.repeat(200_000))
    expect(root.querySelectorAll('*')).toHaveLength(1)
    expect(root.textContent).toHaveLength(1_000_000)
  })
})

describe('Markdown', () => {
  test('becomes elements', () => {
    const root = drawn(
      '# Plan\n\n1. **Fly** to *Lisbon*\n2. Eat\n\n| a | b |\n| - | - |\n| 1 | 2 |',
    )
    expect(root.querySelector('h2')?.textContent).toBe('Plan')
    expect(root.querySelectorAll('ol li')).toHaveLength(2)
    expect(root.querySelector('strong')?.textContent).toBe('Fly')
    expect(root.querySelectorAll('td')).toHaveLength(2)
  })

  test('escapes of characters are shown as the characters', () => {
    expect(drawn('a < b & c > d "e" \\*no\\*').textContent).toBe('a < b & c > d "e" *no*')
    expect(drawn('`a < b`').textContent).toBe('a < b')
  })

  test('links open apart and tell where they lead', () => {
    const link = drawn('[here](https://example.com/a)').querySelector('a')
    expect(link?.getAttribute('rel')).toContain('noopener')
    expect(link?.getAttribute('title')).toBe('https://example.com/a')
  })
})

test('only the web and mail are targets', () => {
  expect(safeTarget('https://a.example/x')).toBe('https://a.example/x')
  expect(safeTarget('mailto:a@b.example')).toBe('mailto:a@b.example')
  for (const odd of ['javascript:1', '/path', 'x', '', 'blob:x', 'ftp://a']) {
    expect(safeTarget(odd)).toBeUndefined()
  }
})
