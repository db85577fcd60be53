import type { Store } from '@weft/registry'

/** What becomes of a record. */
export type Amendment<T> = { readonly put: T } | 'remove' | 'keep'

const tries = 10

/**
 * Reads a record, lets `next` decide by it and stores what it says by compare-and-set, again as long as others come between;
 * false when they always do. `next` may refuse by throwing.
 */
export async function amend<T>(
  store: Store<T>,
  key: string,
  next: (before: T | undefined) => Amendment<T>,
): Promise<boolean> {
  for (let left = tries; left > 0; left--) {
    const stored = await store.read(key)
    const wanted = next(stored?.value)
    if (wanted === 'keep' || (wanted === 'remove' && !stored)) return true
    const done = await write(store, key, wanted, stored?.revision)
    if (done.ok) return true
  }
  return false
}

function write<T>(store: Store<T>, key: string, wanted: { readonly put: T } | 'remove', revision: number | undefined) {
  if (wanted === 'remove') return store.remove(key, revision ?? 0)
  return revision === undefined ? store.create(key, wanted.put) : store.replace(key, wanted.put, revision)
}
