import { describe, expect, it } from 'vitest'
import { Stage, stageSpec } from './testing/stage.ts'

const account = '000000000001'
const spec = stageSpec('f', { version: '1', sandboxKey: 'f/1', snapStart: true })

const want = (stage: Stage, count: number, urgent = false): string[] =>
  stage.handle({
    ...{ kind: 'provisioned-changed', accountId: account, functionName: 'f' },
    targets: count > 0 ? [{ spec, count, urgent }] : [],
  })

const staged = (memoryMb = 1_024): Stage => {
  const stage = new Stage({ limit: 10 })
  stage.worker(1, { memoryMb: BigInt(memoryMb) })
  stage.dispatcher(10)
  return stage
}

const call = (stage: Stage): string[] => stage.acquire(10, 'f', { spec })
const counts = (stage: Stage) => stage.leader.provisioned(account, 'f')[0]

describe('environments that wait for SnapStart', () => {
  it('are initialised ahead, and take nothing of the account', () => {
    const stage = staged()
    expect(want(stage, 1)).toEqual(['1: start s1 f ahead'])
    stage.ready(1, 's1')
    expect(counts(stage)).toMatchObject({ allocated: 1, available: 1, everAvailable: true, leases: 0 })
    expect(stage.ledger.provisioned).toEqual(new Map())
  })

  it('become like any other with their first call, and another takes their place', () => {
    const stage = staged()
    want(stage, 1)
    stage.ready(1, 's1')
    expect(call(stage)).toEqual(['10: granted 1 s1 7.1 cold', '1: start s2 f ahead'])
    stage.ready(1, 's2')
    expect(counts(stage)).toMatchObject({ allocated: 1, available: 1, leases: 1, lastLeasedAt: stage.now })
    expect(stage.ledger.used).toBe(1)
  })

  it('go to calls only when none is there that was restored already', () => {
    const stage = staged()
    want(stage, 1)
    stage.ready(1, 's1')
    call(stage)
    stage.release(10, 's1 7.1')
    stage.ready(1, 's2')
    expect(call(stage)).toEqual(['10: granted 2 s1 7.2'])
    expect(call(stage)).toEqual(['10: granted 3 s2 7.3 cold', '1: start s3 f ahead'])
  })

  it('make room for calls, and take none from others', () => {
    const stage = staged(256)
    want(stage, 1)
    stage.ready(1, 's1')
    stage.acquire(10, 'g')
    expect(stage.acquire(10, 'h')).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual(['1: start s3 h'])
    expect(stage.pass(1_000)).toEqual([])
    expect(counts(stage)).toMatchObject({ allocated: 0, available: 0, everAvailable: true })
  })

  it('take room for the first one, for which the version waits', () => {
    const stage = staged(128)
    stage.acquire(10, 'g')
    stage.ready(1, 's1')
    stage.release(10, 's1 7.1')
    expect(want(stage, 1)).toEqual([])
    expect(want(stage, 1, true)).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual(['1: start s2 f ahead'])
  })

  it('end when they are no longer wanted', () => {
    const stage = staged()
    want(stage, 1)
    stage.ready(1, 's1')
    expect(want(stage, 0)).toEqual(['1: stop s1'])
  })
})
