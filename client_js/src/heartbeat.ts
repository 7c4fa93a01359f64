/**
 * Finds a connection that is dead without having been closed: a browser gives no event for that.
 *
 * Each beat that finds the last ping unanswered counts; anything that arrives is an answer. Time is
 * counted in beats and not by the clock, so that a laptop that slept isn't taken for a dead connection
 * before it had the chance to hear an answer. At worst it takes three beats.
 */
export class Heartbeat {
  #unanswered = 0
  readonly #ping: () => void
  readonly #onDead: () => void

  constructor(ping: () => void, onDead: () => void) {
    this.#ping = ping
    this.#onDead = onDead
  }

  /** Is called every `BEAT_MS` while connected. */
  beat(): void {
    if (this.#unanswered >= ALLOWED_UNANSWERED) {
      this.#unanswered = 0
      this.#onDead()
      return
    }
    this.#unanswered += 1
    this.#ping()
  }

  /** Something arrived. */
  heard(): void {
    this.#unanswered = 0
  }
}

export const BEAT_MS = 3_000
const ALLOWED_UNANSWERED = 2
