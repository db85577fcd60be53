import { describe, expect, it } from 'vitest'
import { Stage } from './testing/stage.ts'

const staged = (starts: 'spread' | 'pack', zones: readonly string[]): Stage => {
  const stage = new Stage({ limit: 100, config: { starts } })
  for (const [n, zone] of zones.entries()) stage.worker(n + 1, { zone, memoryMb: 1_280n })
  stage.dispatcher(10)
  return stage
}

/** How many starts each worker was given. */
const startsOf = (stage: Stage, calls: number, functionName = 'f'): number[] => {
  const counts: number[] = []
  for (let i = 0; i < calls; i++)
    for (const said of stage.acquire(10, functionName)) {
      const worker = Number(/^(\d+): start/.exec(said)?.[1])
      counts[worker - 1] = (counts[worker - 1] ?? 0) + 1
    }
  return counts
}

describe('where starts go', () => {
  it('is all workers alike when they spread', () => {
    const [a = 0, b = 0] = startsOf(staged('spread', ['', '']), 10)
    expect(a + b).toBe(10)
    expect(Math.abs(a - b)).toBeLessThanOrEqual(4)
  })

  it('is one worker until it is full when they pack', () => {
    expect(startsOf(staged('pack', ['', '', '']), 10)).toEqual([10])
    expect(startsOf(staged('pack', ['', '', '']), 12)).toEqual([10, 2])
  })

  it('is every zone, whatever the numbers of workers in them', () => {
    const [alone = 0, ...others] = startsOf(staged('spread', ['a', 'b', 'b', 'b']), 8)
    expect(alone).toBeGreaterThanOrEqual(3)
    expect(others.reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(3)
  })

  it('is where the version of the runtime is that a function stays with', () => {
    const stage = new Stage({ limit: 100 })
    stage.worker(1, { runtimeVersions: ['nodejs24.x:24.1.0'] })
    stage.worker(2, { runtimeVersions: ['nodejs24.x:24.2.0'] })
    stage.dispatcher(10)
    const starts = (runtimeVersion: string) =>
      stage.acquire(10, 'f', { spec: { runtimeVersion, sandboxKey: `000000000001/f/$LATEST/r1/${runtimeVersion}` } })
    expect(starts('nodejs24.x:24.2.0').join()).toMatch(/^2: start/)
    expect(starts('nodejs24.x:24.1.0').join()).toMatch(/^1: start/)
    stage.pass(20_000)
    expect(starts('nodejs24.x:24.3.0').join()).toMatch(/^10: denied \d+ not offered/)
  })

  it('is told as missing memory when there is no room', () => {
    const stage = staged('spread', [''])
    startsOf(stage, 12)
    expect(stage.leader.counts()).toMatchObject({ memoryMb: 1_280, freeMb: 0, shortMb: 256 })
  })
})
