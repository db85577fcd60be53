import { describe, expect, it } from 'vitest'
import { FixedKeepWarm, LearningKeepWarm } from './keep-warm.ts'

const minutes = 60_000
const unknown = { keepMs: 10 * minutes }

/** A policy that has seen these gaps of one function, in minutes. */
const learnt = (...gaps: readonly number[]): LearningKeepWarm => {
  const policy = new LearningKeepWarm()
  for (const gap of gaps) policy.observe('f', gap * minutes)
  return policy
}

describe('a fixed keep-warm policy', () => {
  it('keeps every function for the same time', () => {
    const policy = new FixedKeepWarm(5 * minutes)
    policy.observe()
    expect(policy.plan()).toEqual({ keepMs: 5 * minutes })
  })
})

describe('a learning keep-warm policy', () => {
  it('keeps a function of which it knows little for a fixed time', () => {
    expect(learnt().plan('f')).toEqual(unknown)
    expect(learnt(1, 1, 1, 1, 1).plan('f')).toEqual(unknown)
    expect(learnt(1, 1, 1, 1, 1, 1).plan('g')).toEqual(unknown)
  })

  it('keeps one that is called often until nearly all of its gaps have ended', () => {
    const policy = learnt(0.1, 0.2, 0.5, 1.5, 0.3, 2.5, 0.4)
    expect(policy.plan('f')).toEqual({ keepMs: 3 * minutes * 1.1 })
  })

  it('lets one that is called by the hour go, and has it ready shortly before the next call', () => {
    const { keepMs, again } = learnt(60, 60, 60, 60, 60, 60).plan('f')
    expect(keepMs).toBeLessThan(minutes)
    expect(again?.fromMs).toBeCloseTo(54 * minutes)
    expect(again?.untilMs).toBeCloseTo(67.1 * minutes)
  })

  it('does not reckon with gaps that are longer than it looks, unless they are the rule', () => {
    expect(learnt(1, 1, 1, 1, 1, 1, 300).plan('f')).toEqual({ keepMs: 2 * minutes * 1.1 })
    expect(learnt(300, 300, 300, 300, 300, 300, 1).plan('f')).toEqual(unknown)
  })

  it('follows a habit that changes, and forgets the function that was not seen for longest', () => {
    const policy = new LearningKeepWarm({ functions: 2 })
    for (let i = 0; i < 100_000; i++) policy.observe('f', minutes / 2)
    expect(policy.plan('f')).toEqual({ keepMs: minutes * 1.1 })
    policy.observe('g', 1)
    policy.observe('h', 1)
    expect(policy.plan('f')).toEqual(unknown)
  })
})
