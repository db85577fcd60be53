import { describe, expect, it } from 'vitest'
import { runSeed } from './run.ts'
import { runScale } from './scale.ts'

/** Seeds that once failed, for what they showed. */
const remembered = [
  [14, 'two connections of one worker, told of in the wrong order'],
  [359, 'partitions that starve one another of memory'],
  [299, 'a dispatcher that waits to be told of a leader it has lost sight of'],
  [968, 'a report that a later one had overtaken'],
  [12_652, 'two takeovers in a row with a worker cut off'],
  [14_756, 'the same, with a dispatcher killed'],
] as const

describe('the lease protocol under seeded faults', () => {
  it.each(Array.from({ length: 20 }, (_, i) => 1 + i * 10))('keeps its promises for ten seeds from %i', (first) => {
    for (let seed = first; seed < first + 10; seed++) {
      const { problems } = runSeed(seed)
      expect(problems, `replay: node test/sim/src/main.ts --first ${seed} --seeds 1 --trace`).toEqual([])
    }
  })

  it.each(remembered)('keeps them for seed %i: %s', (seed) => {
    expect(runSeed(seed).problems).toEqual([])
  })

  it('replays a seed exactly', () => {
    const once = runSeed(23)
    const again = runSeed(23)
    expect(again).toEqual(once)
    expect(once.calls).toBeGreaterThan(10)
  })
})

describe('a leader with many sandboxes', () => {
  it('says no more than a start and a grant for each', () => {
    expect(runScale({ workers: 5, functions: 20, sandboxes: 1_000, turns: 1_000 }).framesPerCold).toBe(2)
  })
})
