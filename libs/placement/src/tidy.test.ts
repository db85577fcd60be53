import { describe, expect, it } from 'vitest'
import type { KeepWarmPlan, KeepWarmPolicy } from './keep-warm.ts'
import { Stage } from './testing/stage.ts'

class PlainPolicy implements KeepWarmPolicy {
  readonly gaps: number[] = []
  readonly #plan: KeepWarmPlan

  constructor(plan: KeepWarmPlan) {
    this.#plan = plan
  }

  observe(_key: string, gapMs: number): void {
    this.gaps.push(gapMs)
  }

  plan(): KeepWarmPlan {
    return this.#plan
  }
}

/** A function whose only call has just ended. */
const rested = (plan: KeepWarmPlan): { stage: Stage; policy: PlainPolicy } => {
  const policy = new PlainPolicy(plan)
  const stage = new Stage({ config: { keepWarm: policy } })
  stage.worker(1)
  stage.dispatcher(10)
  stage.acquire(10, 'f')
  stage.ready(1, 's1')
  stage.release(10, 's1 7.1')
  return { stage, policy }
}

const after = (stage: Stage, ms: number): string[] => {
  stage.now += ms
  return stage.handle({ kind: 'tidy' })
}

describe('sandboxes without calls', () => {
  it('are kept as long as the policy says', () => {
    const { stage } = rested({ keepMs: 60_000 })
    expect(after(stage, 60_000)).toEqual([])
    expect(after(stage, 1)).toEqual(['1: stop s1'])
    expect(after(stage, 60_000)).toEqual([])
  })

  it('are made ready again before the call that is expected, and let go when it does not come', () => {
    const { stage } = rested({ keepMs: 1_000, again: { fromMs: 50_000, untilMs: 70_000 } })
    expect(after(stage, 2_000)).toEqual(['1: stop s1'])
    stage.gone(1, 's1')
    expect(after(stage, 47_000)).toEqual([])
    expect(after(stage, 1_000)).toEqual(['1: start s2 f'])
    stage.ready(1, 's2')
    expect(after(stage, 1_000)).toEqual([])
    expect(after(stage, 20_000)).toEqual(['1: stop s2'])
  })

  it('teach the policy when their function is called again', () => {
    const { stage, policy } = rested({ keepMs: 60_000 })
    stage.now += 30_000
    stage.acquire(10, 'f')
    expect(policy.gaps).toEqual([30_000])
    stage.acquire(10, 'f')
    expect(policy.gaps).toEqual([30_000])
    expect(after(stage, 600_000)).toEqual([])
  })
})
