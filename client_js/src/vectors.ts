import { decodeStateVector } from 'yjs'

/** Reads a state vector; a missing one covers nothing. */
export function vectorOf(encoded: Uint8Array | undefined): Map<number, number> {
  return encoded ? decodeStateVector(encoded) : new Map()
}

/** Tells whether `known` holds all that `wanted` does. */
export function covers(known: Map<number, number>, wanted: Map<number, number>): boolean {
  return [...wanted].every(([client, clock]) => (known.get(client) ?? 0) >= clock)
}
