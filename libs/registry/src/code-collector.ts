import type { CodeInventory } from './ports.ts'

export interface CodeCollectorOptions {
  readonly inventory: Pick<CodeInventory, 'list' | 'remove'>
  /** Digests that something names now. Undefined: that is not known for sure at the moment. */
  readonly inUse: () => ReadonlySet<string> | undefined
  /**
   * How long a package must have been named by nothing, and not have been put, before it goes. Longer than any request
   * takes: between storing a package and the record that names it, and while a version is made of a function that is
   * being changed, nothing names a package that is wanted.
   */
  readonly graceMs: number
  readonly now: () => number
}

/**
 * Removes packages that nothing names. Any number of these may run side by side; a package that is put again while one of
 * them looks at it stays, because its entry is another then.
 */
export class CodeCollector {
  readonly #options: CodeCollectorOptions
  /** Since when a package has been seen unused at every look. */
  #unusedSince = new Map<string, number>()

  constructor(options: CodeCollectorOptions) {
    this.#options = options
  }

  /** One look; resolves to the digests removed. */
  async sweep(): Promise<readonly string[]> {
    const { inventory, inUse, graceMs, now } = this.#options
    const packages = await inventory.list()
    const used = inUse()
    const nowMs = now()
    const before = this.#unusedSince
    this.#unusedSince = new Map()
    if (!used) return []
    const removed: string[] = []
    for (const { digest, storedAtMs, revision } of packages) {
      if (used.has(digest)) continue
      const since = before.get(digest) ?? nowMs
      const due = nowMs - Math.max(since, storedAtMs) >= graceMs
      if (due && (await inventory.remove(digest, revision)).ok) removed.push(digest)
      else this.#unusedSince.set(digest, since)
    }
    return removed
  }
}
