/**
 * How long to wait before the next attempt: from about a second to half a minute, spread by chance, so
 * that the devices of a restarted server don't come back in one wave.
 */
export class Backoff {
  #failures = 0
  readonly #random: () => number

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** How many attempts in a row came to nothing. */
  get failures(): number {
    return this.#failures
  }

  nextMs(): number {
    const longest = Math.min(FIRST_MS * 2 ** this.#failures, LAST_MS)
    this.#failures += 1
    return longest / 2 + (this.#random() * longest) / 2
  }

  /** A connection has proven itself: it stayed. One that is accepted and then dropped has not. */
  reset(): void {
    this.#failures = 0
  }
}

const FIRST_MS = 1_000
const LAST_MS = 30_000
