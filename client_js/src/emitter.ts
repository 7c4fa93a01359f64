/** Calls whoever subscribed to a topic. A subscriber that throws doesn't keep the others from hearing. */
export class Emitter<Topic extends string> {
  readonly #subscribers = new Map<Topic, Set<() => void>>()

  /** Has `callback` called on each change of `topic`; gives the function that ends it. */
  subscribe(topic: Topic, callback: () => void): () => void {
    const callbacks = this.#subscribers.get(topic) ?? new Set()
    this.#subscribers.set(topic, callbacks.add(callback))
    return () => callbacks.delete(callback)
  }

  protected emit(topic: Topic): void {
    for (const callback of [...(this.#subscribers.get(topic) ?? [])]) {
      try {
        callback()
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
