// Hocuspocus as its README starts it: documents in memory, nothing stored.
import { Server } from '@hocuspocus/server'

const server = new Server({ address: '127.0.0.1', port: Number(process.env.PORT), quiet: true, stopOnSignals: true })
server.listen()
