import { DenialReason } from '@weft/contracts/placement'
import { RunStatus } from '@weft/contracts/worker'
import { describe, expect, it } from 'vitest'
import { Stage, warm } from './testing/stage.ts'

describe('leases at hand', () => {
  it('asks for a lease, runs under it, and runs the next call without asking', () => {
    const stage = new Stage()
    stage.call()
    expect(stage.said).toEqual(['acquire 1 for a'])
    stage.grant(1)
    expect(stage.said).toEqual(['run a on s1 as 2'])
    stage.result(2)
    expect(stage.said).toEqual(['a: succeeded'])
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3'])
  })

  it('gives an idle lease back after half a second, and keeps one that is used', () => {
    const stage = warm()
    stage.pass(499)
    stage.call()
    stage.result(3)
    stage.pass(1)
    expect(stage.said).toEqual(['run b on s1 as 3', 'b: succeeded'])
    stage.pass(499)
    expect(stage.said).toEqual(['release s1'])
  })

  it('gives an idle lease back at once when it is recalled, a busy one when its invocation ends', () => {
    const stage = warm()
    stage.recall(1)
    expect(stage.said).toEqual(['release s1'])
    stage.call()
    stage.grant(3)
    stage.recall(3)
    stage.result(4)
    expect(stage.said).toEqual(['acquire 3 for b', 'run b on s3 as 4', 'busy s3', 'release s3', 'b: succeeded'])
  })

  it('keeps a busy lease that was wanted only if idle', () => {
    const stage = warm()
    stage.call()
    stage.recall(1, true)
    stage.result(3)
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'busy s1 kept', 'b: succeeded', 'run c on s1 as 4'])
  })

  it('takes a lease whose sandbox is lost out of use', () => {
    const stage = warm()
    stage.call()
    stage.result(3, { status: RunStatus.RUN_STATUS_FUNCTION_ERROR, sandboxLost: true })
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1 lost', 'b: function-error', 'acquire 4 for c'])
  })
})

describe('the line', () => {
  it('waits a moment for a lease at hand before it asks for another', () => {
    const stage = warm()
    stage.call()
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3'])
    stage.result(3)
    expect(stage.said).toEqual(['run c on s1 as 4', 'b: succeeded'])
    stage.call()
    stage.pass(5)
    expect(stage.said).toEqual(['acquire 5 for d'])
  })

  it('serves the oldest call with whatever comes first, and withdraws what is no longer needed', () => {
    const stage = new Stage()
    stage.call()
    stage.call()
    void stage.said
    stage.grant(2)
    expect(stage.said).toEqual(['run a on s2 as 3'])
    stage.result(3)
    expect(stage.said).toEqual(['cancel 1', 'run b on s2 as 4', 'a: succeeded'])
    stage.grant(1)
    stage.call()
    expect(stage.said).toEqual(['run c on s1 as 5'])
  })

  it('tells each refusal to the call that has its place in the line', () => {
    const stage = new Stage()
    stage.call()
    stage.call()
    stage.grant(2)
    stage.deny(1, DenialReason.DENIAL_REASON_FUNCTION_CONCURRENCY)
    expect(stage.said.slice(2)).toEqual(['run a on s2 as 3', 'b: ReservedFunctionConcurrentInvocationLimitExceeded'])
  })

  it.each([
    [DenialReason.DENIAL_REASON_ACCOUNT_CONCURRENCY, 'ConcurrentInvocationLimitExceeded'],
    [DenialReason.DENIAL_REASON_SCALING_RATE, 'FunctionInvocationRateLimitExceeded'],
    [DenialReason.DENIAL_REASON_NO_CAPACITY, 'no luck'],
    [DenialReason.DENIAL_REASON_START_FAILED, 'no luck'],
    [DenialReason.DENIAL_REASON_NOT_OFFERED, 'no luck'],
  ])('maps denial %i to %s', (reason, said) => {
    const stage = new Stage()
    stage.call()
    stage.deny(1, reason)
    expect(stage.said[1]).toBe(`a: ${said}`)
  })

  it('goes on waiting when it asked one that does not lead, and repeats what is open to the one that does', () => {
    const stage = new Stage()
    stage.call()
    stage.deny(1, DenialReason.DENIAL_REASON_NOT_LEADER)
    void stage.said
    expect(stage.core.hello(0).held).toEqual([])
    stage.core.resend(0, stage.now)
    expect(stage.said).toEqual(['acquire 1 for a'])
  })

  it('waits for the timeout of the function and its initialisation, no longer', () => {
    const stage = new Stage()
    stage.call()
    stage.pass(12_999)
    expect(stage.said).toEqual(['acquire 1 for a'])
    stage.pass(1)
    expect(stage.said).toEqual(['cancel 1', 'a: no sandbox within 13000 ms'])
  })

  it('stops waiting when the caller gives up, and leaves a call that runs alone', () => {
    const stage = new Stage()
    const a = stage.call()
    if (a) stage.core.abort(a)
    expect(stage.said).toEqual(['acquire 1 for a', 'cancel 1', 'a: the caller gave up'])
    const b = stage.call()
    stage.grant(2)
    if (b) stage.core.abort(b)
    stage.result(3)
    expect(stage.said).toEqual(['acquire 2 for b', 'run b on s2 as 3', 'b: succeeded'])
  })

  it('refuses calls beyond those that may wait', () => {
    const stage = new Stage()
    for (let i = 0; i < 11; i++) stage.call()
    expect(stage.said.at(-1)).toBe('k: too many calls wait for sandboxes')
  })
})

describe('the record of a run', () => {
  it('tells how long it waited, and where its lease came from', () => {
    const stage = new Stage()
    stage.call()
    stage.pass(4)
    stage.grant(1, 1, 's1', true)
    stage.call()
    stage.call()
    stage.pass(2)
    stage.result(2, { durationMs: 1 })
    stage.grant(4)
    stage.result(5)
    stage.call()
    expect(stage.origins).toEqual([
      'a: LEASE_ORIGIN_STARTED after 4',
      'b: LEASE_ORIGIN_REUSED after 2',
      'c: LEASE_ORIGIN_GRANTED after 2',
      'd: LEASE_ORIGIN_HELD after 0',
    ])
  })
})

describe('losses', () => {
  it('answers what ran on a lost worker at once, and says that it may still run', () => {
    const stage = warm()
    stage.call()
    stage.core.workerLost('w ', true, stage.now)
    expect(stage.said).toEqual([
      'run b on s1 as 3',
      'release s1 lost running',
      'b: the worker was lost during the invocation, may have run',
    ])
    stage.result(3)
    expect(stage.said).toEqual([])
  })

  it('runs elsewhere what never reached its worker', () => {
    const stage = warm()
    stage.call()
    stage.core.workerLost('w ', false, stage.now)
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1 lost', 'acquire 4 for b'])
  })

  it('runs elsewhere what provably did not start, a bounded number of times, and tells after that', () => {
    const stage = warm()
    stage.call()
    const refused = { status: RunStatus.RUN_STATUS_NOT_STARTED, detail: 'stale' }
    stage.result(3, refused)
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1', 'acquire 4 for b'])
    stage.grant(4)
    stage.result(5, refused)
    stage.grant(6)
    stage.result(7, refused)
    expect(stage.said.at(-1)).toBe('b: stale')
  })

  it('tells a new leader of the leases it holds', () => {
    const stage = warm()
    expect(stage.core.hello(0)).toMatchObject({ dispatcherId: 'd', held: [{ sandboxId: 's1' }], generation: 1n })
    expect(stage.core.hello(0).generation).toBe(2n)
  })

  it('closes: refuses what waits, gives back what is idle, lets finish what runs', () => {
    const stage = warm()
    stage.call()
    stage.core.close()
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'c: shutting down'])
    stage.result(3)
    expect(stage.said).toEqual(['release s1', 'b: succeeded'])
    expect(stage.core.running).toBe(0)
  })
})
