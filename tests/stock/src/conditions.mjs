// Waiting for something to become true on a device, driven by its changes, never by the clock.

const CONDITIONS = {
  synced: (device, wanted) => device.client.synced() === wanted,
  connected: (device, wanted) => device.client.connected() === wanted,
  // `saved` is what the client shows its user; `settled` is what the ledger can prove.
  saved: (device, wanted) => (device.client.unsynced() === 0) === wanted,
  settled: (device, wanted) => device.ledger.settled === wanted,
  made: (device, count) => device.ledger.entries.length >= count,
  acknowledged: (device, count) => device.ledger.acknowledged >= count,
  told: (device, count) => device.told >= count,
  contains: (device, { root, text }) => device.doc.getText(root).toString().includes(text),
  length: (device, { root, least }) => device.doc.getText(root).length >= least,
  html: (device, text) => device.editor.getHTML().includes(text),
  scope: (device, wanted) => device.client.scope() === wanted,
  key: (device, { root, key }) => device.doc.getMap(root).has(key),
  keys: (device, { root, count }) => device.doc.getMap(root).size >= count,
  content: (device, hash) => device.hashes().content === hash,
  others: (device, count) => device.others().length === count,
  present: (device, state) => device.others().some((other) => matches(other, state)),
  answered: (device, { runs, words }) => device.witness.answerTo(runs).split(' ').length > words,
  // Of a device that witnesses: all messages have their places, and no answer is under way.
  quiet: (device, wanted) => device.witness.isQuiet === wanted,
  stopped: (device, wanted) => (device.stop !== null) === wanted,
  tokens: (device, asked) => device.tokens.asked >= asked,
  received: (device, kinds) =>
    Object.entries(kinds).every(([kind, count]) => (device.network.received.kinds[kind] ?? 0) >= count),
  opened: (device, count) => device.network.opened >= count,
  closed: (device, count) => device.network.closes.length >= count,
}

function matches(state, wanted) {
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(state[key]) === JSON.stringify(value))
}

/** Tells whether every named condition holds for the device. */
export function holds(device, until) {
  return Object.entries(until).every(([name, wanted]) => CONDITIONS[name](device, wanted))
}

/** Resolves once `test()` is true after some change of one of the devices; rejects at the deadline. */
export function when(devices, test, timeoutS, describe) {
  return new Promise((resolve, reject) => {
    let scheduled = false
    const done = (settle, value) => {
      clearTimeout(deadline)
      for (const device of devices) device.listeners.delete(look)
      settle(value)
    }
    const evaluate = () => {
      scheduled = false
      if (!devices[0].listeners.has(look)) return
      try {
        if (test()) done(resolve)
      } catch (error) {
        done(reject, error)
      }
    }
    const look = () => {
      if (scheduled) return
      scheduled = true
      setImmediate(evaluate)
    }
    const deadline = setTimeout(
      () => done(reject, new Error(`not within ${timeoutS} s: ${describe()}`)),
      timeoutS * 1000,
    )
    for (const device of devices) device.listeners.add(look)
    look()
  })
}
