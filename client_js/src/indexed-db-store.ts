/**
 * The store on disk: one IndexedDB database per user, device and server.
 *
 * Replaces y-indexeddb (DESIGN section 10): that one leaves failed writes unhandled, so a full disk loses
 * edits unseen and its next update is kept behind a hole; and a database closed by another tab makes it
 * throw inside the editor's transaction. Several tabs may share this one: all that a tab does is one
 * transaction, compaction included, and updates may be kept twice without harm.
 */
import * as Y from 'yjs'
import type { Aside, Store, Stored, StoreState } from './store'

interface UpdateRow {
  readonly document: string
  readonly update: Uint8Array
}

interface DocumentRow {
  readonly document: string
  readonly acknowledged: Uint8Array | undefined
  readonly hasUnsaved: boolean
}

const UPDATES = 'updates'
const DOCUMENTS = 'documents'
const ASIDES = 'asides'
const BY_DOCUMENT = 'document'
const COMPACT_ABOVE = 300

export class IndexedDbStore implements Store {
  #state: StoreState = { kind: 'disk' }
  readonly #database: IDBDatabase
  readonly #appended = new Map<string, number>()
  /** Documents whose copy on disk has a hole; the next append writes them whole. */
  readonly #broken = new Set<string>()
  readonly #onTrouble = new Set<() => void>()
  #lastWrite: Promise<void> = Promise.resolve()

  private constructor(database: IDBDatabase) {
    this.#database = database
    // Another tab wants to delete it, or to bring it to a newer shape: don't stand in the way.
    database.onversionchange = () => {
      database.close()
      this.#fail('Another tab of this app has reset the stored copy. Reload this page.')
    }
  }

  static open(scope: string): Promise<IndexedDbStore> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(`segue ${scope}`, 1)
      request.onupgradeneeded = () => {
        const updates = request.result.createObjectStore(UPDATES, { autoIncrement: true })
        updates.createIndex(BY_DOCUMENT, 'document')
        request.result.createObjectStore(DOCUMENTS, { keyPath: 'document' })
        const asides = request.result.createObjectStore(ASIDES, { keyPath: 'id' })
        asides.createIndex(BY_DOCUMENT, 'document')
      }
      request.onsuccess = () => resolve(new IndexedDbStore(request.result))
      request.onerror = () => reject(request.error ?? new Error('IndexedDB could not be opened.'))
      request.onblocked = () => reject(new Error('IndexedDB is held by another tab.'))
    })
  }

  get state(): StoreState {
    return this.#state
  }

  async load(document: string): Promise<Stored> {
    const transaction = this.#database.transaction([UPDATES, DOCUMENTS], 'readonly')
    const updates = transaction.objectStore(UPDATES).index(BY_DOCUMENT).getAll(document)
    const row = transaction.objectStore(DOCUMENTS).get(document)
    await finished(transaction)
    this.#appended.set(document, updates.result.length)
    const known = row.result as DocumentRow | undefined
    return {
      updates: (updates.result as UpdateRow[]).map(({ update }) => update),
      acknowledged: known?.acknowledged,
      hasUnsaved: known?.hasUnsaved ?? false,
    }
  }

  append(document: string, update: Uint8Array, local: boolean, whole: () => Uint8Array): void {
    const isBroken = this.#broken.delete(document)
    const kept = isBroken ? whole() : update
    const count = (this.#appended.get(document) ?? 0) + 1
    const compacts = isBroken || count > COMPACT_ABOVE
    this.#appended.set(document, compacts ? 1 : count)
    this.#write([UPDATES, DOCUMENTS], document, (transaction) => {
      const updates = transaction.objectStore(UPDATES)
      updates.add({ document, update: kept } satisfies UpdateRow)
      if (local) markUnsaved(transaction.objectStore(DOCUMENTS), document)
      if (compacts) compact(updates, document)
    })
  }

  settle(document: string, vector: Uint8Array): void {
    this.#write([DOCUMENTS], document, (transaction) => {
      const row: DocumentRow = { document, acknowledged: vector, hasUnsaved: false }
      transaction.objectStore(DOCUMENTS).put(row)
    })
  }

  async layAside(asides: readonly Aside[]): Promise<void> {
    const transaction = this.#database.transaction([ASIDES], 'readwrite')
    for (const aside of asides) transaction.objectStore(ASIDES).put(aside)
    await finished(transaction)
  }

  async asides(document: string): Promise<readonly Aside[]> {
    const transaction = this.#database.transaction([ASIDES], 'readonly')
    const found = transaction.objectStore(ASIDES).index(BY_DOCUMENT).getAll(document)
    await finished(transaction)
    return found.result as Aside[]
  }

  async dropAside(id: string): Promise<void> {
    const transaction = this.#database.transaction([ASIDES], 'readwrite')
    transaction.objectStore(ASIDES).delete(id)
    await finished(transaction)
  }

  async startOver(document: string, asides: readonly Aside[]): Promise<void> {
    const transaction = this.#database.transaction([UPDATES, DOCUMENTS, ASIDES], 'readwrite')
    for (const aside of asides) transaction.objectStore(ASIDES).put(aside)
    deleteRows(transaction.objectStore(UPDATES), document)
    transaction.objectStore(DOCUMENTS).delete(document)
    this.#appended.delete(document)
    await finished(transaction)
  }

  async wipeAll(): Promise<void> {
    const transaction = this.#database.transaction([UPDATES, DOCUMENTS, ASIDES], 'readwrite')
    for (const name of [UPDATES, DOCUMENTS, ASIDES]) transaction.objectStore(name).clear()
    await finished(transaction)
  }

  flushed(): Promise<void> {
    return this.#lastWrite
  }

  onTrouble(callback: () => void): void {
    this.#onTrouble.add(callback)
  }

  close(): void {
    this.#database.onversionchange = null
    this.#database.close()
  }

  #write(stores: string[], document: string, change: (of: IDBTransaction) => void): void {
    try {
      const transaction = this.#database.transaction(stores, 'readwrite')
      change(transaction)
      this.#lastWrite = finished(transaction).then(
        () => this.#recover(),
        (error: unknown) => this.#miss(document, error),
      )
    } catch (error) {
      this.#miss(document, error)
    }
  }

  #miss(document: string, error: unknown): void {
    this.#broken.add(document)
    const isFull = error instanceof DOMException && error.name === 'QuotaExceededError'
    this.#fail(
      isFull
        ? "This device's storage is full. Free some space; until then keep the page open."
        : 'This device could not keep a copy. Keep the page open until all is saved.',
    )
  }

  #fail(reason: string): void {
    this.#state = { kind: 'memory', reason }
    for (const callback of this.#onTrouble) callback()
  }

  #recover(): void {
    if (this.#state.kind === 'disk' || this.#broken.size > 0) return
    this.#state = { kind: 'disk' }
    for (const callback of this.#onTrouble) callback()
  }
}

function markUnsaved(documents: IDBObjectStore, document: string): void {
  const known = documents.get(document)
  known.onsuccess = () => {
    const row = known.result as DocumentRow | undefined
    if (row?.hasUnsaved) return
    documents.put({ document, acknowledged: row?.acknowledged, hasUnsaved: true })
  }
}

/** Replaces all rows of a document by one, in the transaction that read them: no tab's row gets lost. */
function compact(updates: IDBObjectStore, document: string): void {
  const all = updates.index(BY_DOCUMENT).getAll(document)
  all.onsuccess = () => {
    const copy = new Y.Doc()
    copy.transact(() => {
      for (const row of all.result as UpdateRow[]) Y.applyUpdate(copy, row.update)
    })
    // With what waits for something missing: it is not this module's to throw away.
    const update = Y.encodeStateAsUpdate(copy)
    copy.destroy()
    deleteRows(updates, document, () => updates.add({ document, update } satisfies UpdateRow))
  }
}

function deleteRows(updates: IDBObjectStore, document: string, then?: () => void): void {
  const keys = updates.index(BY_DOCUMENT).getAllKeys(document)
  keys.onsuccess = () => {
    for (const key of keys.result) updates.delete(key)
    then?.()
  }
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('The write was aborted.'))
  })
}
