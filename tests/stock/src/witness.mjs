// What a device saw of a conversation, held against what was promised: a message's place is given
// once and never again, and of an answer that was shown no word is taken back.

const FINAL = new Set(['done', 'error', 'interrupted', 'cancelled'])

/** Watches the messages of a document from now on; `broken` says what should not have been. */
export class Witness {
  constructor(doc) {
    this.messages = doc.getMap('messages')
    this.runs = doc.getMap('runs')
    this.places = new Map()
    this.owners = new Map()
    this.answers = new Map()
    this.broken = []
    this.messages.observeDeep((events) => {
      for (const id of changedIn(events)) this.#look(id, this.messages.get(id))
    })
  }

  /** Everything said has its place, and no answer is under way. */
  get isQuiet() {
    const placed = [...this.messages.values()].every((message) => message.has('seq'))
    return placed && [...this.runs.values()].every((run) => FINAL.has(run.status))
  }

  /** Gives what is there of the answer to a message. */
  answerTo(message) {
    return this.answers.get(this.runs.get(message)?.message) ?? ''
  }

  #look(id, message) {
    if (message === undefined) return void this.broken.push(`${id} is gone`)
    const seq = message.get('seq')
    const before = this.places.get(id)
    if (before !== undefined && seq !== before) this.broken.push(`${id} moved from ${before} to ${seq}`)
    if (seq !== undefined) this.#place(id, seq)
    if (message.get('role') === 'assistant') this.#read(id, textOf(message))
  }

  #place(id, seq) {
    const owner = this.owners.get(seq) ?? id
    if (owner !== id) this.broken.push(`${seq} was given to ${owner} and to ${id}`)
    this.owners.set(seq, owner)
    this.places.set(id, seq)
  }

  #read(id, text) {
    const before = this.answers.get(id) ?? ''
    if (!text.startsWith(before)) this.broken.push(`${id} said ${JSON.stringify(before)}, then ${JSON.stringify(text)}`)
    this.answers.set(id, text)
  }

  /** Gives what was seen, for comparing with others and with what is stored. */
  seen() {
    return { places: Object.fromEntries(this.places), answers: Object.fromEntries(this.answers), broken: this.broken }
  }
}

function changedIn(events) {
  return new Set(events.flatMap(({ path, keys }) => (path.length > 0 ? [path[0]] : [...keys.keys()])))
}

function textOf(message) {
  return message.get('parts')?.get('0')?.get('text')?.toString() ?? ''
}
