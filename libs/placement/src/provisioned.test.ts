import { describe, expect, it } from 'vitest'
import { Stage, stageSpec } from './testing/stage.ts'

const account = '000000000001'
const spec = (version: string) => stageSpec('f', { version, sandboxKey: `f/${version}` })

const provision = (stage: Stage, targets: Readonly<Record<string, number>>): string[] =>
  stage.handle({
    kind: 'provisioned-changed',
    accountId: account,
    functionName: 'f',
    targets: Object.entries(targets).map(([version, count]) => ({ spec: spec(version), count })),
  })

const staged = (targets: Readonly<Record<string, number>> = {}, limit = 10): Stage => {
  const stage = new Stage({ limit })
  stage.worker(1)
  stage.dispatcher(10)
  provision(stage, targets)
  return stage
}

const call = (stage: Stage, version: string): string[] => stage.acquire(10, 'f', { spec: spec(version) })

const counts = (stage: Stage) =>
  stage.leader
    .provisioned(account, 'f')
    .map(({ sandboxKey, allocated, available, failure }) =>
      [sandboxKey, allocated, available, ...(failure ? [failure] : [])].join(' '),
    )

describe('provisioned concurrency', () => {
  it('starts as many as are wanted, and tells how many are ready', () => {
    const stage = staged()
    expect(provision(stage, { 1: 2 })).toEqual(['1: start s1 f ahead', '1: start s2 f ahead'])
    expect(counts(stage)).toEqual(['f/1 2 0'])
    stage.ready(1, 's1')
    expect(counts(stage)).toEqual(['f/1 2 1'])
    expect(stage.ledger.provisioned).toEqual(new Map([['f 1', 1]]))
  })

  it('serves calls of the version from them first, and starts more for those beyond', () => {
    const stage = staged({ 1: 1 })
    stage.ready(1, 's1')
    expect(call(stage, '1')).toEqual(['10: granted 1 s1 7.1 cold'])
    expect(call(stage, '1')).toEqual(['1: start s2 f'])
  })

  it('does not let a call wait for one that still initialises', () => {
    const stage = staged({ 1: 1 })
    expect(call(stage, '1')).toEqual(['1: start s2 f'])
    expect(stage.ready(1, 's1')).toEqual(['10: granted 1 s1 7.1 cold'])
  })

  it('replaces one that is gone', () => {
    const stage = staged({ 1: 1 })
    stage.ready(1, 's1')
    expect(stage.gone(1, 's1')).toEqual(['1: start s2 f ahead'])
  })

  it('moves to another version when the alias does', () => {
    const stage = staged({ 1: 2 })
    stage.ready(1, 's1')
    stage.ready(1, 's2')
    call(stage, '1')
    expect(provision(stage, { 2: 2 })).toEqual(['1: stop s1', '1: start s3 f ahead', '1: start s4 f ahead'])
    expect(counts(stage)).toEqual(['f/1 0 0', 'f/2 2 0'])
    expect(stage.release(10, 's2 7.1')).toEqual(['1: stop s2'])
    expect(stage.ledger.provisioned.get('f 1')).toBe(0)
  })

  it('tells of code that cannot be initialised, and tries again later and later', () => {
    const stage = staged({ 1: 1 })
    expect(stage.failed(1, 's1', false, true)).toEqual([])
    expect(counts(stage)).toEqual(['f/1 0 0 init'])
    expect(stage.pass(950)).toEqual([])
    expect(stage.pass(50)).toEqual(['1: start s2 f ahead'])
    stage.failed(1, 's2', false, true)
    expect(stage.pass(1_950)).toEqual([])
    expect(stage.pass(50)).toEqual(['1: start s3 f ahead'])
    stage.ready(1, 's3')
    expect(counts(stage)).toEqual(['f/1 1 1'])
  })

  it('keeps the room it has, and is not there for who can never have any', () => {
    const stage = staged({ 1: 8 })
    for (let i = 1; i <= 8; i++) stage.ready(1, `s${i}`)
    const said = [...stage.acquire(10, 'g'), ...stage.pass(500)]
    expect(said.filter((one) => one.includes('stop') || one.includes('recall'))).toEqual([])
    provision(stage, { 1: 8, 2: 1 })
    expect(counts(stage)).toEqual(['f/1 8 8', 'f/2 0 0'])
  })

  it('is known again to the next leader', () => {
    const stage = new Stage()
    provision(stage, { 1: 1 })
    stage.worker(1, {
      sandboxes: [
        { sandboxId: 's9', spec: spec('1'), lease: undefined, busy: false, starting: false, provisioned: true },
      ],
    })
    expect(counts(stage)).toEqual(['f/1 1 1'])
  })

  it('ends with the settings', () => {
    const stage = staged({ 1: 1 })
    stage.ready(1, 's1')
    expect(provision(stage, {})).toEqual(['1: stop s1'])
    stage.gone(1, 's1')
    expect(counts(stage)).toEqual([])
  })
})
