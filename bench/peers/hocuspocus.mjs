// Hocuspocus as its documentation starts it: documents in memory or, with DATABASE_URL, in Postgres.
import { Database } from '@hocuspocus/extension-database'
import { Server } from '@hocuspocus/server'
import pg from 'pg'

async function database(connectionString) {
  const pool = new pg.Pool({ connectionString })
  await pool.query('CREATE TABLE IF NOT EXISTS documents (name text PRIMARY KEY, data bytea NOT NULL)')
  return new Database({
    fetch: async ({ documentName }) => {
      const { rows } = await pool.query('SELECT data FROM documents WHERE name = $1', [documentName])
      return rows[0]?.data ?? null
    },
    store: async ({ documentName, state }) => {
      await pool.query(
        'INSERT INTO documents (name, data) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET data = $2',
        [documentName, state],
      )
    },
  })
}

const { DATABASE_URL, PORT } = process.env
const extensions = DATABASE_URL ? [await database(DATABASE_URL)] : []
const server = new Server({ address: '127.0.0.1', port: Number(PORT), quiet: true, stopOnSignals: true, extensions })
await server.listen()
