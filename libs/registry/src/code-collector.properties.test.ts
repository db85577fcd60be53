import { err, ok, type Result } from '@weft/contracts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodeCollector } from './code-collector.ts'
import type { CodeInventory, StoredPackage } from './ports.ts'

const graceMs = 50
/** No request takes longer. */
const longestRequestMs = 40
const digests = ['a', 'b', 'c'] as const

/** A store whose answers come in any order that the scheduler finds, between any two steps of others. */
class Shelf implements Pick<CodeInventory, 'list' | 'remove'> {
  readonly packages = new Map<string, StoredPackage>()
  #revision = 0
  readonly #scheduler: fc.Scheduler
  readonly #now: () => number

  constructor(scheduler: fc.Scheduler, now: () => number) {
    this.#scheduler = scheduler
    this.#now = now
  }

  async put(digest: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), 'put')
    this.packages.set(digest, { digest, storedAtMs: this.#now(), revision: ++this.#revision })
  }

  async list(): Promise<readonly StoredPackage[]> {
    const packages = [...this.packages.values()]
    await this.#scheduler.schedule(Promise.resolve(), 'list')
    return packages
  }

  async remove(digest: string, revision: number): Promise<Result<void, 'conflict'>> {
    await this.#scheduler.schedule(Promise.resolve(), 'remove')
    if (this.packages.get(digest)?.revision !== revision) return err('conflict')
    this.packages.delete(digest)
    return ok(undefined)
  }
}

const step = fc.oneof(
  // More sweeps and time than publications, so that something falls due.
  fc.record({ kind: fc.constant('publish' as const), digest: fc.constantFrom(...digests) }),
  fc.record({ kind: fc.constant('forget' as const), digest: fc.constantFrom(...digests) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('sweep' as const), by: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
)

test('whatever is published, forgotten and swept at the same time: what is named is there', async () => {
  let removals = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 40, maxLength: 120 }), async (scheduler, steps) => {
      let nowMs = 0
      const shelf = new Shelf(scheduler, () => nowMs)
      const named = new Map<string, number>()
      const collectors = [0, 1].map(
        () => new CodeCollector({ inventory: shelf, inUse: () => new Set(named.keys()), graceMs, now: () => nowMs }),
      )
      const sweeping: (Promise<unknown> | undefined)[] = [undefined, undefined]
      let requests: Promise<void>[] = []
      let oldestRequestMs = 0
      const publish = async (digest: string): Promise<void> => {
        await shelf.put(digest)
        await scheduler.schedule(Promise.resolve(), 'name')
        named.set(digest, (named.get(digest) ?? 0) + 1)
        expect(shelf.packages.has(digest)).toBe(true)
      }
      for (const one of steps) {
        if (one.kind === 'publish') {
          if (requests.length === 0) oldestRequestMs = nowMs
          requests.push(publish(one.digest))
        } else if (one.kind === 'forget') named.delete(one.digest)
        else if (one.kind === 'sweep') {
          // One collector looks once at a time; what it looks at may take as long as it likes.
          sweeping[one.by] ??= collectors[one.by]?.sweep().then((removed) => {
            removals += removed.length
            sweeping[one.by] = undefined
          })
        } else {
          // Requests end in time; sweeps need not.
          if (requests.length > 0 && nowMs + one.ms - oldestRequestMs > longestRequestMs) {
            await scheduler.waitFor(Promise.all(requests))
            requests = []
          }
          nowMs += one.ms
        }
        for (const digest of named.keys()) expect(shelf.packages.has(digest)).toBe(true)
        for (let some = 2; some > 0 && scheduler.count() > 0; some--) await scheduler.waitOne()
        for (const digest of named.keys()) expect(shelf.packages.has(digest)).toBe(true)
      }
      await scheduler.waitAll()
      for (const digest of named.keys()) expect(shelf.packages.has(digest)).toBe(true)
    }),
    { numRuns: 500 },
  )
  // The property would hold for one that removes nothing.
  expect(removals).toBeGreaterThan(20)
})
