import { HocuspocusProvider } from '@hocuspocus/provider'

/**
 * The stock provider, but for edits made while there is no handshake under way: it would send them in
 * front of the handshake, where they build on what the server lacks. The handshake brings them along.
 */
export class DocumentProvider extends HocuspocusProvider {
  #inHandshake = false

  override documentUpdateHandler(update: Uint8Array, origin: unknown): void {
    if (this.#inHandshake) super.documentUpdateHandler(update, origin)
  }

  override startSync(): void {
    this.#inHandshake = true
    super.startSync()
  }

  override onClose(): void {
    // The server confirms that an earlier provider of this document has left: not this one.
    if (this.configuration.websocketProvider.webSocket !== null) return
    this.#inHandshake = false
    super.onClose()
  }

  /** Has the server count anew what it owes: a number that is stuck becomes right. */
  recount(): void {
    if (this.#inHandshake) this.forceSync()
  }
}
