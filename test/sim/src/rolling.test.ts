import { describe, expect, it } from 'vitest'
import { type Plan, planOf } from './plan.ts'
import { World } from './world.ts'

/** A world at peace with more calls than one worker serves, and limits that do not matter. */
const calmPlan = (seed: number): Plan => ({
  ...planOf(seed, 1),
  ...{ partitions: 1, placements: 2, workers: 3, dispatchers: 3, workerMemoryMb: 4_096, faultsPerSecond: 0 },
  ...{ hangs: false, split: false, longRunChance: 0.05, longestRunMs: 3_000 },
  accounts: [
    {
      id: '000000000001',
      settings: { accountLimit: 1_000, reserved: new Map(), provisioned: [] },
      functions: ['alpha', 'beta'],
      provisioned: 0,
    },
  ],
})

describe('a rolling restart of every worker under load', () => {
  it.each([1, 2, 3, 4, 5, 6])('fails no call (seed %i)', (seed) => {
    const plan = calmPlan(seed)
    const world = new World(plan)
    const [account] = plan.accounts
    if (!account) throw new Error('no account')
    const old = [...world.workers]
    const load = (): void => {
      if (world.now > 20_000) return
      world.call(world.dice.pick(world.dispatchers), account, world.dice.pick(account.functions))
      world.scheduler.after(world.dice.between(0, 20), load)
    }
    world.scheduler.after(1_000, load)
    for (const [n, worker] of old.entries()) world.scheduler.after(4_000 + n * 4_000, () => world.replace(worker))
    world.scheduler.runUntil(60_000, () => undefined)
    expect(world.workers.filter((worker) => old.includes(worker))).toEqual([])
    const failed = world.calls.flatMap(({ outcomes: [first] }) =>
      // Model workers fail one start in twenty.
      first?.kind === 'succeeded' || (first?.kind === 'platform-error' && first.detail === 'it did not boot')
        ? []
        : [first],
    )
    expect(world.calls.length).toBeGreaterThan(1_000)
    expect(failed).toEqual([])
    expect(world.problems).toEqual([])
  })
})
