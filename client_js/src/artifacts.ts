import * as Y from 'yjs'
import { newId } from './ids'
import type { Replica } from './replica'
import { wellFormed } from './texts'

export interface Artifact {
  readonly name: string
  readonly title: string
  readonly kind: string
}

/** Texts beside the conversation that everyone edits together. */
export class Artifacts {
  #list: readonly Artifact[] | undefined
  readonly #replica: Replica
  readonly #onChange: () => void

  constructor(replica: Replica, onChange: () => void) {
    this.#replica = replica
    this.#onChange = onChange
    this.#bind()
    replica.subscribe('document', () => this.#bind())
  }

  get list(): readonly Artifact[] {
    const map = this.#replica.doc.getMap<unknown>('artifacts')
    this.#list ??= [...map.entries()].map(([name, about]) => readArtifact(name, about))
    return this.#list
  }

  /** The shared text of an artifact; a root, so that two devices may make it at once. */
  text(name: string): Y.Text {
    return this.#replica.doc.getText(`artifact:${name}`)
  }

  /** Makes an artifact; gives its name. */
  create(title: string, kind = 'text'): string {
    const name = newId()
    this.#replica.change((doc) =>
      doc.getMap('artifacts').set(name, { title: wellFormed(title.slice(0, 200)), kind }),
    )
    return name
  }

  names(doc: Y.Doc): string[] {
    return [...doc.getMap('artifacts').keys()]
  }

  #bind(): void {
    this.#list = undefined
    this.#replica.doc.getMap('artifacts').observeDeep(() => {
      this.#list = undefined
      this.#onChange()
    })
    this.#onChange()
  }
}

function readArtifact(name: string, stored: unknown): Artifact {
  const about = stored instanceof Y.Map ? stored.toJSON() : stored
  const { title, kind } = (typeof about === 'object' && about ? about : {}) as Record<
    string,
    unknown
  >
  return {
    name,
    title: typeof title === 'string' && title !== '' ? title.slice(0, 200) : name,
    kind: typeof kind === 'string' ? kind : 'text',
  }
}
