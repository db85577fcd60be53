import { type AccountId, subjects } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Entries } from './entries.ts'
import type { ObjectEntry } from './object-entry.ts'
import { versionsIn } from './versions.ts'

/** What an account may store in its buckets. */
export interface Quota {
  /** Whether what has just been written fits beside what is there; it counts from then on. */
  admits(account: AccountId, addedBytes: number): Promise<boolean>
}

/** How long a sum is believed: as far apart may the writers of other processes be, ms. */
const freshMs = 10_000

interface Sum {
  readonly bytes: Promise<number>
  readonly atMs: number
  /** Admitted since. */
  added: number
}

/**
 * Sums up the objects of an account, older versions and parts of uploads too, when somebody writes who has a limit. A refusal
 * follows from a new sum, never from an old one: what was removed a moment ago makes room at once.
 */
export function openQuota(
  entries: Entries,
  clock: Pick<Clock, 'monotonic'>,
  limitOf: (account: AccountId) => number | undefined,
): Quota {
  const sums = new Map<AccountId, Sum>()
  const count = async (account: AccountId): Promise<number> => {
    let bytes = 0
    for await (const { value } of entries.list<ObjectEntry>(subjects.objectsOf(account)))
      for (const { sizeBytes } of versionsIn(value)) bytes += sizeBytes
    for await (const { value } of entries.list<{ sizeBytes: number }>(subjects.uploadPartsOf(account)))
      bytes += value.sizeBytes
    return bytes
  }
  const begin = (account: AccountId): Sum => {
    const sum: Sum = { bytes: count(account), atMs: clock.monotonic(), added: 0 }
    sums.set(account, sum)
    // One that fails is not believed; whoever waits for it is told.
    sum.bytes.catch(() => sums.delete(account))
    return sum
  }
  return {
    async admits(account, addedBytes) {
      const limit = limitOf(account)
      if (limit === undefined) return true
      const known = sums.get(account)
      const isFresh = known && clock.monotonic() - known.atMs < freshMs
      for (const sum of isFresh ? [known, undefined] : [undefined]) {
        const counted = sum ?? begin(account)
        const before = await counted.bytes
        if (before + counted.added + addedBytes > limit) continue
        counted.added += addedBytes
        return true
      }
      return false
    },
  }
}

/** Of stores whose writers have no limit. */
export const noQuota: Quota = { admits: () => Promise.resolve(true) }
