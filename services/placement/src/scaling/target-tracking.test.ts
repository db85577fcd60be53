import type { ScalingPolicy } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { type Situation, type Step, track } from './target-tracking.ts'
import type { MinuteOfUse } from './utilization.ts'

const policy = (change: Partial<ScalingPolicy> = {}): ScalingPolicy => ({
  ...{ policyId: 'p', targetValue: 0.7, statistic: 'Average', customized: false },
  ...{ scaleOutCooldownMs: 0, scaleInCooldownMs: 0, disableScaleIn: false, createdAtMs: 0, ...change },
})

const minutes = (...averages: readonly number[]): MinuteOfUse[] =>
  averages.map((average, minute) => ({ minute, average, minimum: average / 2, maximum: Math.min(1, average * 2) }))

const quiet = Array.from({ length: 15 }, () => 0.1)

function step(
  averages: readonly number[],
  change: Partial<Situation> & { policies?: Record<string, ScalingPolicy>; suspended?: object } = {},
): Step | undefined {
  const { policies = { busy: policy() }, suspended, ...rest } = change
  const scaling = {
    ...{ minCapacity: 1, maxCapacity: 100, policies },
    ...(suspended && { suspended: { in: false, out: false, scheduled: false, ...suspended } }),
  }
  return track({ scaling, capacity: 10, minutes: minutes(...averages), nowMs: 1_000_000, ...rest })
}

describe('a target tracking policy', () => {
  it('scales out after three minutes above its target, so that use comes back to it', () => {
    expect(step([0.9, 0.9])).toBeUndefined()
    expect(step([0.9, 0.6, 0.9])).toBeUndefined()
    expect(step([0.9, 0.8, 1])).toEqual({ capacity: 15, policy: 'busy', direction: 'out' })
  })

  it('scales in after a quarter of an hour clearly below it, as far as the busiest minute allows', () => {
    expect(step(quiet.slice(1))).toBeUndefined()
    expect(step([...quiet.slice(1), 0.64])).toBeUndefined()
    expect(step([...quiet.slice(1), 0.35])).toEqual({ capacity: 5, policy: 'busy', direction: 'in' })
  })

  it('keeps within the bounds', () => {
    expect(step([1, 1, 1], { capacity: 90 })?.capacity).toBe(100)
    expect(step([1, 1, 1], { capacity: 100 })).toBeUndefined()
    expect(step(quiet, { capacity: 3 })?.capacity).toBe(1)
  })

  it('looks at the figure of each minute that it names', () => {
    const policies = { busy: policy({ statistic: 'Maximum' }) }
    expect(step([0.4, 0.4, 0.4], { policies })?.capacity).toBe(12)
    expect(step([0.4, 0.4, 0.4])).toBeUndefined()
  })

  it('waits for its cooldown', () => {
    const policies = { busy: policy({ scaleOutCooldownMs: 60_000, scaleInCooldownMs: 60_000 }) }
    expect(step([1, 1, 1], { policies, scaledOutMs: 950_000 })).toBeUndefined()
    expect(step([1, 1, 1], { policies, scaledOutMs: 940_000 })).toBeDefined()
    expect(step(quiet, { policies, scaledInMs: 950_000 })).toBeUndefined()
    expect(step(quiet, { policies, scaledOutMs: 950_000 })).toBeUndefined()
    expect(step(quiet, { policies, scaledInMs: 900_000 })).toBeDefined()
  })

  it('does not do what is suspended', () => {
    expect(step([1, 1, 1], { suspended: { out: true } })).toBeUndefined()
    expect(step(quiet, { suspended: { in: true } })).toBeUndefined()
    expect(step(quiet, { suspended: { out: true } })).toBeDefined()
  })
})

describe('several policies', () => {
  const policies = { low: policy({ targetValue: 0.5 }), high: policy({ targetValue: 0.8 }) }

  it('scale out as far as the most demanding one asks', () => {
    expect(step([0.9, 0.9, 0.9], { policies })).toEqual({ capacity: 18, policy: 'low', direction: 'out' })
  })

  it('scale in only together, and no further than the most cautious one', () => {
    expect(step([...quiet.slice(1), 0.3], { policies })).toEqual({ capacity: 6, policy: 'low', direction: 'in' })
    expect(step([...quiet.slice(1), 0.6], { policies })).toBeUndefined()
    const keeps = { ...policies, high: policy({ disableScaleIn: true }) }
    expect(step(quiet, { policies: keeps })).toBeUndefined()
  })
})
