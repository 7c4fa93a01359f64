/** Starts, kills and restarts the real server, with a Postgres and data of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until'

const ROOT = join(import.meta.dirname, '../..')
const PYTHON = join(ROOT, '.venv/bin/python')
const SECRET = 'a secret for tests only, forty-two letters'

export const hasServer = existsSync(PYTHON)

export class RealServer {
  readonly port: number
  readonly #folder: string
  #process: ChildProcess | undefined

  readonly #settings: Readonly<Record<string, string>>

  private constructor(port: number, settings: Readonly<Record<string, string>>) {
    this.port = port
    this.#settings = settings
    this.#folder = mkdtempSync(join(tmpdir(), 'segue-client-'))
    chmodSync(this.#folder, 0o755) // Postgres runs under another account when root starts it
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<RealServer> {
    const server = new RealServer(await freePort(), settings)
    await server.start()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const log = openSync(join(this.#folder, 'log'), 'a')
    this.#process = spawn(PYTHON, ['-m', 'segue', 'serve'], {
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH ?? '',
        HOST: '127.0.0.1',
        PORT: String(this.port),
        SEGUE_SECRET: SECRET,
        SEGUE_DATA: join(this.#folder, 'data'),
        ...this.#settings,
      },
      stdio: ['ignore', log, log],
    })
    const started = this.#process
    await until(async () => {
      if (started.exitCode !== null)
        throw new Error(readFileSync(join(this.#folder, 'log'), 'utf8'))
      return (await fetch(`${this.url}/readyz`).catch(() => undefined))?.status === 200
    }, 60_000)
  }

  /** Ends the server as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  token(user: string, claims: Readonly<Record<string, unknown>> = {}): string {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Math.floor(Date.now() / 1000)
    const head = encode({ alg: 'HS256', typ: 'JWT' })
    const signed = `${head}.${encode({ sub: user, iat: now, exp: now + 3600, ...claims })}`
    return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await ended
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port is free')
  return address.port
}
