import type { ConcurrencySettings } from '@weft/admission'
import { defaultLeaseTimings, type LeaseTimings, type WhenBlind } from '@weft/placement'
import { Dice } from './random.ts'

/** What one seed stands for: the size of the world, its limits, its load and how hard it is hit. */
export interface Plan {
  readonly seed: number
  readonly partitions: number
  readonly placements: number
  readonly workers: number
  readonly dispatchers: number
  readonly workerMemoryMb: number
  /** Starts that a worker takes at once; 0 for any number. */
  readonly parallelStarts: number
  readonly idleLeaseMs: number
  readonly whenBlind: WhenBlind
  readonly timings: LeaseTimings
  readonly ttlMs: number
  readonly accounts: readonly AccountPlan[]
  /** Virtual ms with load and faults, before all is healed. */
  readonly stormMs: number
  readonly callsPerSecond: number
  readonly faultsPerSecond: number
  readonly longRunChance: number
  /** Longest run, ms. */
  readonly longestRunMs: number
  /** Two long splits instead of many faults. */
  readonly split: boolean
  /** Two processes hang for 45 s instead. */
  readonly hangs: boolean
  readonly delayMs: readonly [number, number]
}

export interface AccountPlan {
  readonly id: string
  readonly settings: ConcurrencySettings
  readonly functions: readonly string[]
  /** Environments of the first function to be kept initialised; changes during the storm. */
  provisioned: number
}

/** `scale` 1 is small: some hundred calls. */
export function planOf(seed: number, scale: number): Plan {
  const dice = new Dice(seed)
  const accounts: AccountPlan[] = []
  for (let a = 0; a < dice.integer(1, 2); a++) {
    const functions = ['alpha', 'beta', 'gamma'].slice(0, dice.integer(1, 3))
    const reserved = new Map<string, number>()
    if (dice.chance(0.6)) reserved.set('alpha', dice.integer(1, 3))
    const accountLimit = dice.integer(2, 8) + [...reserved.values()].reduce((sum, n) => sum + n, 0)
    accounts.push({
      id: `${a + 1}`.padStart(12, '0'),
      settings: { accountLimit, reserved, provisioned: [] },
      functions,
      provisioned: new Dice((seed * 31) ^ a).chance(0.3) ? 1 + (seed % 3) : 0,
    })
  }
  const calm = dice.chance(0.15)
  const kind = new Dice(seed ^ 0x5eed).next()
  const hangs = kind < 0.25
  const split = kind > 0.75
  return {
    seed,
    partitions: dice.integer(1, 2),
    placements: dice.integer(1, 3),
    workers: dice.integer(1, 3),
    dispatchers: dice.integer(1, 3),
    workerMemoryMb: dice.pick([512, 1_024, 4_096]),
    idleLeaseMs: dice.pick([50, 500, 5_000]),
    whenBlind: dice.chance(0.5) ? 'serve' : 'fence',
    timings: defaultLeaseTimings,
    ttlMs: 4_000,
    accounts,
    stormMs:
      8_000 * scale + dice.between(0, dice.chance(0.3) ? 40_000 : 12_000) + (hangs ? 60_000 : 0) + (split ? 25_000 : 0),
    callsPerSecond: dice.pick([5, 20, 60]),
    faultsPerSecond: calm ? 0 : dice.pick([0.2, 0.6, 1.5]),
    longRunChance: dice.pick([0, 0.05, 0.2]),
    delayMs: dice.pick([
      [0.1, 2],
      [1, 30],
      [0.1, 150],
    ] as const),
    parallelStarts: dice.pick([0, 1, 4]),
    hangs,
    split,
    // The end of what runs when a worker hangs is nobody's doing: it must come before its slots are given away.
    longestRunMs: hangs || split ? 8_000 : 40_000,
  }
}
