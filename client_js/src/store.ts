import type { FilePart } from './files'
import { IndexedDbStore } from './indexed-db-store'

/** What a device keeps of its documents, so that nothing typed is lost with the page. */
export interface Store {
  /** `memory`: nothing outlives the page; `reason` says why. */
  readonly state: StoreState
  load(document: string): Promise<Stored>
  /** Keeps an update. `local`: this device made it, so that it is unsaved until `settle`. */
  append(document: string, update: Uint8Array, local: boolean, whole: () => Uint8Array): void
  /** Notes that all up to `vector` is durable at the server. */
  settle(document: string, vector: Uint8Array): void
  /** Keeps texts aside. */
  layAside(asides: readonly Aside[]): Promise<void>
  /** Throws a document away and lays aside what it held unsent: both, or neither. What is appended from
   * the moment of the call on belongs to the fresh document. */
  startOver(document: string, asides: readonly Aside[]): Promise<void>
  asides(document: string): Promise<readonly Aside[]>
  dropAside(id: string): Promise<void>
  /** Forgets everything. */
  wipeAll(): Promise<void>
  /** Returns when all that was appended is on disk, or known not to be. */
  flushed(): Promise<void>
  onTrouble(callback: () => void): void
  close(): void
}

export interface StoreState {
  readonly kind: 'disk' | 'memory'
  readonly reason?: string
}

export interface Stored {
  readonly updates: readonly Uint8Array[]
  /** State vector of what the server has acknowledged. */
  readonly acknowledged: Uint8Array | undefined
  readonly hasUnsaved: boolean
}

/** A message that its document did not take, kept to be offered again. */
export interface Aside {
  readonly id: string
  readonly document: string
  readonly text: string
  readonly createdAt: number
  readonly supersedes?: string
  readonly files?: readonly FilePart[]
  /** Why it is not offered again by itself. */
  readonly refused?: string
}

const OPENING: StoreState = { kind: 'disk' }

/** A store that is still being opened; what is written meanwhile follows in order. */
export class DeferredStore implements Store {
  #store: Store | undefined
  readonly #opening: Promise<Store>
  readonly #onTrouble = new Set<() => void>()

  constructor(opening: Promise<Store>) {
    this.#opening = opening.then((store) => {
      this.#store = store
      store.onTrouble(() => this.#tell())
      if (store.state.kind === 'memory') this.#tell()
      return store
    })
  }

  get state(): StoreState {
    return this.#store?.state ?? OPENING
  }

  async load(document: string): Promise<Stored> {
    return (await this.#opening).load(document)
  }
  append(...row: Parameters<Store['append']>): void {
    this.#do((store) => store.append(...row))
  }
  settle(...row: Parameters<Store['settle']>): void {
    this.#do((store) => store.settle(...row))
  }
  async layAside(asides: readonly Aside[]): Promise<void> {
    await (await this.#opening).layAside(asides)
  }
  async startOver(document: string, asides: readonly Aside[]): Promise<void> {
    await (this.#store ?? (await this.#opening)).startOver(document, asides)
  }
  async asides(document: string): Promise<readonly Aside[]> {
    return (await this.#opening).asides(document)
  }
  async dropAside(id: string): Promise<void> {
    await (await this.#opening).dropAside(id)
  }
  async wipeAll(): Promise<void> {
    await (await this.#opening).wipeAll()
  }
  async flushed(): Promise<void> {
    await (await this.#opening).flushed()
  }
  onTrouble(callback: () => void): void {
    this.#onTrouble.add(callback)
  }
  close(): void {
    this.#do((store) => store.close())
  }

  #do(action: (store: Store) => void): void {
    if (this.#store) action(this.#store)
    else void this.#opening.then(action)
  }

  #tell(): void {
    for (const callback of this.#onTrouble) callback()
  }
}

/** Opens the device's store; without a usable IndexedDB it is one in memory that says why. */
export async function openStore(scope: string): Promise<Store> {
  try {
    if (typeof indexedDB === 'undefined') throw new Error('This browser has no IndexedDB.')
    return await withinPatience(IndexedDbStore.open(scope))
  } catch (error) {
    return new MemoryStore(error instanceof Error ? error.message : String(error))
  }
}

/** Some browsers leave a request without any answer; nobody waits for that. */
function withinPatience<T>(opening: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = "This device's storage does not answer. Keep the page open until all is saved."
    const timer = setTimeout(() => reject(new Error(text)), PATIENCE_MS)
    opening.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const PATIENCE_MS = 5_000

/** Keeps nothing but asides, and those as long as the page lives. */
export class MemoryStore implements Store {
  readonly state: StoreState
  #asides: Aside[] = []

  constructor(reason: string) {
    this.state = { kind: 'memory', reason }
  }

  async load(): Promise<Stored> {
    return { updates: [], acknowledged: undefined, hasUnsaved: false }
  }
  append(): void {}
  settle(): void {}
  async layAside(asides: readonly Aside[]): Promise<void> {
    const ids = new Set(asides.map(({ id }) => id))
    this.#asides = [...this.#asides.filter(({ id }) => !ids.has(id)), ...asides]
  }
  startOver(_document: string, asides: readonly Aside[]): Promise<void> {
    return this.layAside(asides)
  }
  async asides(document: string): Promise<readonly Aside[]> {
    return this.#asides.filter((aside) => aside.document === document)
  }
  async dropAside(id: string): Promise<void> {
    this.#asides = this.#asides.filter((aside) => aside.id !== id)
  }
  async wipeAll(): Promise<void> {
    this.#asides = []
  }
  async flushed(): Promise<void> {}
  onTrouble(): void {}
  close(): void {}
}
