import NodeWebSocket from 'ws'
import type { WebSocketClass } from '../src'

/** The `ws` package's socket. It reports an attempt that is given up as an error: nobody may listen then. */
class Quiet extends NodeWebSocket {
  constructor(url: string) {
    super(url)
    this.on('error', () => {})
  }
}

export const NodeSocket = Quiet as unknown as WebSocketClass
