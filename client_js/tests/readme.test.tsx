// @vitest-environment happy-dom
/** The README's React component runs as it stands; the package and its reference are what it says. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { act, createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { afterAll, expect, test, vi } from 'vitest'
import { ScriptedServer, tokenOf } from './scripted-server'

const ROOT = join(import.meta.dirname, '..')
const README = readFileSync(join(ROOT, '../README.md'), 'utf8')
const folder = mkdtempSync(join(import.meta.dirname, '.readme-'))

afterAll(() => rmSync(folder, { recursive: true }))

function snippet(name: string): string {
  const found = new RegExp(`<!-- test: ${name} -->\\n\`\`\`jsx\\n(.*?)\`\`\``, 's').exec(README)
  if (!found?.[1]) throw new Error(`the README has no ${name}`)
  return found[1]
}

test('the component of the README shows and sends messages', async () => {
  const server = new ScriptedServer()
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.stubGlobal('WebSocket', server.WebSocket)
  vi.stubGlobal('localStorage', { token: tokenOf('ann', { name: 'Ann' }), getItem: () => 'phone' })
  writeFileSync(join(folder, 'trip.jsx'), `/** @jsxImportSource react */\n${snippet('react')}`)
  const { Trip } = await import(/* @vite-ignore */ join(folder, 'trip.jsx'))
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  await act(async () => root.render(createElement(Trip)))
  await act(async () => void (await new Promise((resolve) => setTimeout(resolve, 20))))
  const field = document.querySelector('input')
  if (field) field.value = 'Lisbon?'
  await act(async () => document.querySelector('button')?.click())
  await act(async () => void (await new Promise((resolve) => setTimeout(resolve, 20))))
  expect(document.body.textContent).toBe('Ann: Lisbon? SendSaved, 0 others here')
  await act(async () => root.unmount())
})

test('the package can be imported, and its reference is up to date', () => {
  execFileSync('npm', ['run', '--silent', 'build:package'], { cwd: ROOT })
  const program = `
    const { createClient } = await import('@segue/client')
    const { useSession } = await import('@segue/client/react')
    const { reference } = await import('./tools/api-reference.mjs')
    console.log(JSON.stringify([typeof createClient, typeof useSession, reference()]))`
  const printed = execFileSync('node', ['--input-type=module', '-e', program], { cwd: ROOT })
  const [client, hook, reference] = JSON.parse(printed.toString())
  expect([client, hook]).toEqual(['function', 'function'])
  expect(reference === readFileSync(join(ROOT, 'API.md'), 'utf8'), 'npm run reference').toBe(true)
})
