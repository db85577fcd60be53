import { FixedKeepWarm, LearningKeepWarm } from '@weft/placement'
import { describe, expect, it } from 'vitest'
import { generateTraces, playTraces } from './keep-warm.ts'

const minutes = 60_000

describe('traces', () => {
  it('are the same for the same seed, in order, and of all shapes', () => {
    const traces = generateTraces(1, 50, 1)
    expect(generateTraces(1, 50, 1)).toEqual(traces)
    for (const trace of traces) expect(trace).toEqual(trace.toSorted((a, b) => a - b))
    expect(Math.max(...traces.map((trace) => trace.length))).toBeGreaterThan(1_000)
  })
})

describe('keep-warm policies', () => {
  it('are charged for what they keep and for what they let go', () => {
    const trace = [0, 10 * minutes, 40 * minutes]
    expect(playTraces([trace], new FixedKeepWarm(15 * minutes))).toMatchObject({
      ...{ calls: 3, coldShare: 2 / 3, idleSandboxes: 25 / 40 },
    })
  })

  it('that learn start fewer functions cold than a long time for all, and hold less', () => {
    const traces = generateTraces(3, 300, 4)
    const learning = playTraces(traces, new LearningKeepWarm())
    const short = playTraces(traces, new FixedKeepWarm(10 * minutes))
    const long = playTraces(traces, new FixedKeepWarm(60 * minutes))
    expect(learning.upperShare).toBeLessThan(short.upperShare / 2)
    expect(learning.coldShare).toBeLessThan(short.coldShare / 2)
    expect(learning.idleSandboxes).toBeLessThan(long.idleSandboxes)
    expect(learning.upperShare).toBeLessThan(long.upperShare)
  })
})
