// Hosts many devices in one process. A request is one line of JSON on stdin, `{n, do, ...}`; its
// answer one line on stdout, `{n, ok}` or `{n, error}`. Ends when stdin does.
import { createInterface } from 'node:readline'
import { COMMANDS } from './src/commands.mjs'

console.log = console.error // the libraries' chatter; stdout is for answers
process.setMaxListeners(0) // every y-websocket provider adds an exit handler

async function answer(line) {
  const { n, do: name, ...request } = JSON.parse(line)
  try {
    if (!Object.hasOwn(COMMANDS, name)) throw new Error(`no command ${name}`)
    reply({ n, ok: (await COMMANDS[name](request)) ?? null })
  } catch (error) {
    reply({ n, error: error.stack ?? String(error) })
  }
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', answer)
lines.on('close', () => process.exit(0))
