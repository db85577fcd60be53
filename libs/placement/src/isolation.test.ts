import { beforeEach, describe, expect, it } from 'vitest'
import { Stage } from './testing/stage.ts'

let needed = ''
beforeEach(() => {
  needed = ''
})

/** Two workers: 1 shares the host's kernel, 2 does not. */
const staged = (): Stage => {
  const stage = new Stage({ limit: 10, config: { isolationOf: (_, name) => (name === 'f' ? needed : '') } })
  stage.worker(1, { isolation: 'container' })
  stage.worker(2, { isolation: 'gvisor', memoryMb: 256n })
  stage.dispatcher(10)
  return stage
}
const change = (stage: Stage, to: string, functionName: string | undefined = 'f'): string[] => {
  needed = to
  return stage.handle({ kind: 'isolation-changed', accountId: '000000000001', functionName })
}

describe('what must keep sandboxes apart', () => {
  it('chooses the worker, whatever room others have', () => {
    needed = 'gvisor'
    const stage = staged()
    expect(stage.acquire(10, 'f')).toEqual(['2: start s1 f'])
    expect(stage.acquire(10, 'g')).toEqual(['1: start s2 g'])
  })

  it('waits for room rather than take a weaker one', () => {
    needed = 'gvisor'
    const stage = staged()
    for (const _call of [1, 2]) expect(stage.acquire(10, 'f').join()).toMatch(/^2: start/)
    expect(stage.acquire(10, 'f')).toEqual([])
    expect(stage.pass(1_000)).toEqual([])
  })

  it('is refused with the reason when no worker can give it', () => {
    needed = 'vm'
    const stage = staged()
    stage.pass(20_000)
    expect(stage.acquire(10, 'f').join()).toMatch(/^10: denied \d+ not offered/)
  })

  it('ends what a stronger need leaves behind: at once when idle, else with its invocation', () => {
    const stage = staged()
    stage.acquire(10, 'f')
    stage.acquire(10, 'f')
    stage.ready(1, 's1')
    stage.ready(1, 's2')
    stage.release(10, 's2 7.2')
    expect(change(stage, 'gvisor')).toEqual(['1: stop s2', expect.stringMatching(/^10: recall s1/)])
    expect(stage.release(10, 's1 7.1')).toEqual(['1: stop s1'])
    expect(stage.acquire(10, 'f')).toEqual(['2: start s3 f'])
  })

  it('counts for the whole account too, and what suffices stays', () => {
    const stage = staged()
    stage.acquire(10, 'f')
    stage.ready(1, 's1')
    expect(change(stage, 'container', undefined)).toEqual([])
    expect(stage.leader.counts().leased).toBe(1)
  })

  it('does not take up what was started on too weak a worker', () => {
    const stage = staged()
    stage.acquire(10, 'f')
    expect(change(stage, 'gvisor')).toEqual([])
    expect(stage.ready(1, 's1')).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual(['2: start s2 f'])
  })
})

describe('networks', () => {
  const inNetwork = { spec: { subnetIds: ['subnet-a', 'subnet-b'], securityGroupIds: ['sg-1'], sandboxKey: 'n' } }

  it('choose a worker that has one of the subnets and all groups', () => {
    const stage = new Stage({ limit: 10 })
    stage.worker(1, {})
    stage.worker(2, { networks: ['subnet-b'] })
    stage.worker(3, { networks: ['subnet-b', 'sg-1'], memoryMb: 256n })
    stage.dispatcher(10)
    expect(stage.acquire(10, 'f', inNetwork)).toEqual(['3: start s1 f'])
  })

  it('are refused where no worker has them', () => {
    const stage = new Stage({ limit: 10 })
    stage.worker(1, { networks: ['subnet-b'] })
    stage.dispatcher(10)
    stage.pass(20_000)
    expect(stage.acquire(10, 'f', inNetwork).join()).toMatch(/^10: denied \d+ not offered/)
  })
})
