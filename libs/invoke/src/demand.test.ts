import { DenialReason } from '@weft/contracts/placement'
import { describe, expect, it } from 'vitest'
import { Patience, unhindered } from './demand.ts'
import { Stage } from './testing/stage.ts'

const asked = (said: readonly string[]): number => said.filter((one) => one.startsWith('acquire')).length

/** A dispatcher that knows that a run takes `runMs`, with as many leases as were granted, all given back. */
const knowing = (runMs: number): Stage => {
  const stage = new Stage({ maxWaiting: 1_000, patienceMs: 30 })
  stage.call()
  stage.grant(1)
  stage.result(2, { durationMs: runMs })
  stage.recall(1)
  void stage.said
  return stage
}

describe('how many sandboxes are asked for', () => {
  it('is one for every call while nobody knows how long a run takes', () => {
    const stage = new Stage({ maxWaiting: 1_000 })
    for (let i = 0; i < 100; i++) stage.call()
    expect(asked(stage.said)).toBe(100)
  })

  it('is as many as finish the work in the time a start takes, once that is known', () => {
    const stage = knowing(1)
    for (let i = 0; i < 90; i++) stage.call()
    expect(asked(stage.said)).toBe(3)
  })

  it('is one for every call where runs are longer than a start', () => {
    const stage = knowing(1_000)
    for (let i = 0; i < 20; i++) stage.call()
    expect(asked(stage.said)).toBe(20)
  })

  it('shrinks as soon as the first run turns out short', () => {
    const stage = new Stage({ maxWaiting: 1_000, patienceMs: 30 })
    for (let i = 0; i < 61; i++) stage.call()
    stage.grant(1)
    void stage.said
    stage.result(62, { durationMs: 1 })
    expect(stage.said.filter((one) => one.startsWith('cancel'))).toHaveLength(59)
  })

  it('doubles with every patience in which nothing comes free', () => {
    const stage = knowing(1)
    for (let i = 0; i < 10; i++) stage.call()
    stage.grant(3)
    void stage.said
    stage.pass(29)
    expect(asked(stage.said)).toBe(0)
    stage.pass(1)
    expect(asked(stage.said)).toBe(1)
    stage.pass(30)
    expect(asked(stage.said)).toBe(2)
    stage.pass(30)
    expect(asked(stage.said)).toBe(4)
  })

  it('stays where it is when the line never ends but moves on: none of its calls waits for a patience', () => {
    const stage = knowing(1)
    stage.call()
    stage.grant(3)
    for (let i = 0; i < 15; i++) stage.call()
    void stage.said
    for (let seq = 4; seq < 500; seq++) {
      stage.pass(1)
      stage.result(seq, { durationMs: 1 })
      stage.call()
    }
    expect(asked(stage.said)).toBe(0)
  })

  it('grows by one when a call has waited for a whole patience, once the one before has come', () => {
    const stage = knowing(1)
    stage.call()
    stage.grant(3)
    for (let i = 0; i < 5; i++) stage.call()
    void stage.said
    let seq = 4
    const busyFor = (ms: number): number => {
      let asks = 0
      for (let i = 0; i < ms; i += 10) {
        stage.pass(10)
        stage.call()
        stage.result(seq, { durationMs: 1 })
        seq += 1
        for (const one of stage.said) {
          if (!one.startsWith('acquire')) continue
          asks += 1
          seq += 1
        }
      }
      return asks
    }
    expect(busyFor(30)).toBe(1)
    expect(busyFor(60)).toBe(0)
  })

  it('does not grow while the first sandbox is on its way: another would not come sooner', () => {
    const stage = knowing(1)
    stage.call()
    stage.call()
    stage.pass(30)
    stage.pass(30)
    expect(asked(stage.said)).toBe(1)
  })

  it('hands an acquire on to the next call, which does not bear its age', () => {
    const stage = knowing(1)
    const first = stage.call()
    stage.call()
    if (first) stage.core.abort(first)
    stage.deny(3, DenialReason.DENIAL_REASON_NO_CAPACITY)
    expect(stage.said).toEqual(['acquire 3 for b', 'b: the caller gave up', 'acquire 4 for c'])
    stage.deny(4, DenialReason.DENIAL_REASON_NO_CAPACITY)
    expect(stage.said).toEqual(['c: no luck'])
  })

  it('asks for the others when the one that asked for them is refused', () => {
    const stage = knowing(1)
    stage.call()
    stage.call()
    stage.deny(3, DenialReason.DENIAL_REASON_START_FAILED)
    expect(stage.said).toEqual(['acquire 3 for b', 'b: no luck', 'acquire 4 for c'])
  })
})

describe('what a run takes', () => {
  it('falls quickly and rises slowly, so that a busy machine does not make itself busier', () => {
    expect(unhindered(undefined, 40)).toBe(40)
    expect(unhindered(40, 2)).toBe(21)
    let runMs = 1
    for (let i = 0; i < 20; i++) runMs = unhindered(runMs, 100)
    expect(runMs).toBeLessThan(5)
    for (let i = 0; i < 100; i++) runMs = unhindered(runMs, 100)
    expect(runMs).toBe(100)
  })
})

describe('patience', () => {
  it('is as long as cold starts take, between what is configured and a fifth of a second', () => {
    const patience = new Patience(30)
    expect(patience.ms).toBe(30)
    patience.coldStart(10)
    expect(patience.ms).toBe(30)
    patience.coldStart(110)
    expect(patience.ms).toBe(60)
    patience.coldStart(5_000)
    expect(patience.ms).toBe(200)
  })

  it('is learnt from cold grants', () => {
    const stage = new Stage({ patienceMs: 5 })
    stage.call()
    stage.pass(80)
    stage.grant(1, 1, 's1', true)
    stage.result(2, { durationMs: 1 })
    stage.call()
    stage.call()
    void stage.said
    stage.pass(79)
    expect(stage.said).toEqual([])
    stage.pass(1)
    expect(stage.said).toEqual(['acquire 4 for c'])
  })
})
