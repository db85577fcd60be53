import { describe, expect, it } from 'vitest'
import { Stage, stageSpec } from './testing/stage.ts'

/** Workers connect as 1 and up, dispatchers as 10 and up. */
const staged = (options: ConstructorParameters<typeof Stage>[0] = {}): Stage => {
  const stage = new Stage(options)
  stage.worker(1)
  stage.dispatcher(10)
  stage.dispatcher(11)
  return stage
}

/** A stage with one lease of f, "s1 7.1", in the hands of dispatcher 10. */
const leased = (options: ConstructorParameters<typeof Stage>[0] = {}): Stage => {
  const stage = staged(options)
  stage.acquire(10, 'f')
  stage.ready(1, 's1')
  return stage
}

describe('granting', () => {
  it('starts a sandbox for the first call and grants it when it is ready', () => {
    const stage = staged()
    expect(stage.acquire(10, 'f')).toEqual(['1: start s1 f'])
    expect(stage.ready(1, 's1')).toEqual(['10: granted 1 s1 7.1 cold'])
  })

  it('grants an idle sandbox at once, with a later lease', () => {
    const stage = leased()
    expect(stage.release(10, 's1 7.1')).toEqual([])
    expect(stage.acquire(11, 'f')).toEqual(['11: granted 2 s1 7.2'])
  })

  it('uses the sandbox that was used last', () => {
    const stage = leased()
    stage.acquire(10, 'f')
    stage.ready(1, 's2')
    stage.release(10, 's1 7.1')
    stage.release(10, 's2 7.2')
    expect(stage.acquire(10, 'f')).toEqual(['10: granted 3 s2 7.3'])
  })

  it('starts at most as many sandboxes as there are calls, and the first that is free serves the oldest', () => {
    const stage = staged()
    expect([...stage.acquire(10, 'f'), ...stage.acquire(10, 'f'), ...stage.acquire(10, 'f')]).toEqual([
      '1: start s1 f',
      '1: start s2 f',
      '1: start s3 f',
    ])
    expect(stage.ready(1, 's3')).toEqual(['10: granted 1 s3 7.1 cold'])
    expect(stage.release(10, 's3 7.1')).toEqual(['10: granted 2 s3 7.2'])
    expect(stage.ready(1, 's1')).toEqual(['10: granted 3 s1 7.3 cold'])
    expect(stage.ready(1, 's2')).toEqual([])
    expect(stage.leader.counts()).toMatchObject({ leased: 2, idle: 1, starting: 0, waiting: 0 })
  })

  it('lets the sandbox of a call that gave up join the pool', () => {
    const stage = staged()
    stage.acquire(10, 'f')
    expect(stage.cancel(10, 1)).toEqual([])
    expect(stage.ready(1, 's1')).toEqual([])
    expect(stage.acquire(11, 'f')).toEqual(['11: granted 2 s1 7.1 cold'])
  })

  it('asks another dispatcher for an idle lease before it starts a sandbox', () => {
    const stage = leased()
    expect(stage.acquire(11, 'f')).toEqual(['10: recall s1 7.1 if idle'])
    expect(stage.release(10, 's1 7.1')).toEqual(['11: granted 2 s1 7.2'])
  })

  it('starts a sandbox when the other dispatcher is busy, or does not answer soon', () => {
    const busy = leased()
    busy.acquire(11, 'f')
    expect(busy.busy(10, 's1 7.1', true)).toEqual(['1: start s2 f'])
    const silent = leased()
    silent.acquire(11, 'f')
    expect(silent.pass(50)).toEqual(['1: start s2 f'])
  })

  it('never gives a sandbox of one revision to a call of another', () => {
    const stage = leased()
    stage.release(10, 's1 7.1')
    expect(stage.acquire(10, 'f', { spec: { sandboxKey: 'other' } })).toEqual(['1: start s2 f'])
  })
})

describe('throttling', () => {
  it('refuses beyond the limit once every lease has answered busy', () => {
    const stage = leased({ limit: 1 })
    expect(stage.acquire(11, 'f')).toEqual(['10: recall s1 7.1'])
    expect(stage.busy(10, 's1 7.1')).toEqual(['11: denied 2 account'])
    expect(stage.acquire(11, 'f')).toEqual(['11: denied 3 account'])
  })

  it('takes an idle lease of another function back rather than refuse', () => {
    const stage = leased({ limit: 1 })
    expect(stage.acquire(11, 'g')).toEqual(['10: recall s1 7.1'])
    expect(stage.release(10, 's1 7.1')).toEqual(['1: start s2 g'])
  })

  it('gives freed slots to the oldest', () => {
    const stage = leased({ limit: 2 })
    stage.acquire(10, 'f')
    stage.ready(1, 's2')
    stage.acquire(11, 'f')
    stage.acquire(10, 'f')
    expect(stage.release(10, 's2 7.2')).toEqual(['11: granted 3 s2 7.3'])
    // Only now: while the answer for s1 was open, another recall would have been in vain.
    expect(stage.busy(10, 's1 7.1')).toEqual(['11: recall s2 7.3'])
    expect(stage.busy(11, 's2 7.3')).toEqual(['10: denied 4 account'])
  })

  it('recalls no more leases than are wanted, and twice as many with every one that is busy', () => {
    const stage = staged({ limit: 7 })
    for (let i = 1; i <= 7; i++) {
      stage.acquire(10, 'f')
      stage.ready(1, `s${i}`)
    }
    expect(stage.acquire(11, 'f')).toEqual(['10: recall s1 7.1'])
    expect(stage.busy(10, 's1 7.1')).toEqual(['10: recall s2 7.2'])
    expect(stage.busy(10, 's2 7.2')).toEqual(['10: recall s3 7.3', '10: recall s4 7.4'])
    expect(stage.busy(10, 's3 7.3')).toEqual([])
    expect(stage.busy(10, 's4 7.4')).toEqual(['10: recall s5 7.5', '10: recall s6 7.6', '10: recall s7 7.7'])
    expect(stage.release(10, 's6 7.6')).toEqual(['11: granted 8 s6 7.8'])
  })

  it('refuses those that cannot get any of the slots that may come free', () => {
    const stage = leased({ limit: 1 })
    stage.acquire(11, 'f')
    expect(stage.acquire(11, 'f')).toEqual(['11: denied 3 account'])
  })

  it('refuses new environments beyond the scaling rate, but not sandboxes that exist', () => {
    const stage = leased({ environments: 1 })
    expect(stage.acquire(10, 'f')).toEqual(['10: denied 2 scaling'])
    stage.release(10, 's1 7.1')
    expect(stage.acquire(10, 'f')).toEqual(['10: granted 3 s1 7.2'])
  })

  it('refuses at once when too many wait', () => {
    const stage = staged({ config: { maxWaiting: 1 } })
    stage.acquire(10, 'f')
    expect(stage.acquire(10, 'f')).toEqual(['10: denied 2 capacity'])
  })

  it('refuses a call whose caller no longer waits', () => {
    const stage = staged()
    stage.acquire(10, 'f', { waitMs: 100 })
    expect(stage.pass(150)).toEqual(['10: denied 1 capacity'])
    expect(stage.ledger.used).toBe(0)
  })
})

describe('workers', () => {
  it('chooses the one with most free memory, and prefers one that has the function', () => {
    const stage = new Stage()
    stage.worker(1, { memoryMb: 1_024n })
    stage.worker(2, { memoryMb: 1_024n })
    stage.dispatcher(10)
    expect(stage.acquire(10, 'f')).toEqual(['1: start s1 f'])
    expect(stage.acquire(10, 'g')).toEqual(['2: start s2 g'])
    expect(stage.acquire(10, 'f')).toEqual(['1: start s3 f'])
    expect(stage.acquire(10, 'h', { spec: { memoryMb: 512 } })).toEqual(['2: start s4 h'])
  })

  it('tries another worker when one has no room after all', () => {
    const stage = new Stage()
    stage.worker(1, { memoryMb: 2_048n })
    stage.worker(2, { memoryMb: 1_024n })
    stage.dispatcher(10)
    expect(stage.acquire(10, 'f')).toEqual(['1: start s1 f'])
    expect(stage.failed(1, 's1', true)).toEqual(['2: start s2 f'])
  })

  it('tries another worker after a failed start, and then tells the caller', () => {
    const stage = new Stage()
    stage.worker(1, { memoryMb: 2_048n })
    stage.worker(2, { memoryMb: 1_024n })
    stage.dispatcher(10)
    stage.acquire(10, 'f')
    expect(stage.failed(1, 's1')).toEqual(['2: start s2 f'])
    expect(stage.failed(2, 's2')).toEqual(['10: denied 1 start'])
    expect(stage.acquire(10, 'g')).toEqual(['1: start s3 g'])
    // The function waits a little before it is tried again; others do not.
    expect(stage.acquire(10, 'f')).toEqual([])
    expect(stage.pass(250)).toEqual(['1: start s4 f'])
  })

  it('gives a start up that does not come to an end', () => {
    const stage = staged()
    stage.acquire(10, 'f', { waitMs: 100_000 })
    expect(stage.pass(60_100)).toEqual(['1: stop s1', '10: denied 1 start'])
  })

  it('says why no worker will ever do, once workers had time to come', () => {
    const stage = staged()
    expect(stage.acquire(10, 'f', { spec: { runtime: 'cobol' } })).toEqual([])
    expect(stage.pass(1_500)).toEqual(['10: denied 1 not offered'])
    expect(stage.acquire(10, 'f', { spec: { memoryMb: 10_240 } })).toEqual(['10: denied 2 not offered'])
  })

  it('waits for a worker while there is none', () => {
    const stage = new Stage()
    stage.dispatcher(10)
    expect([...stage.acquire(10, 'f'), ...stage.pass(3_000)]).toEqual([])
    expect(stage.worker(1)).toEqual(['1: welcome 7', '1: start s1 f'])
  })

  it('has the oldest idle sandbox of another function stopped when there is no room', () => {
    const stage = new Stage()
    stage.worker(1, { memoryMb: 256n })
    stage.dispatcher(10)
    for (const [i, name] of ['f', 'g'].entries()) {
      stage.acquire(10, name)
      stage.ready(1, `s${i + 1}`)
    }
    stage.release(10, 's1 7.1')
    stage.now += 10
    stage.release(10, 's2 7.2')
    expect(stage.acquire(10, 'h')).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual(['1: start s3 h'])
  })

  it('waits in line for a busy sandbox when there is no room for another', () => {
    const stage = new Stage()
    stage.worker(1, { memoryMb: 128n })
    stage.dispatcher(10)
    stage.acquire(10, 'f')
    stage.ready(1, 's1')
    expect(stage.acquire(10, 'f')).toEqual([])
    expect(stage.release(10, 's1 7.1')).toEqual(['10: granted 2 s1 7.2'])
  })

  it('asks a worker that other partitions fill, and leaves it alone for a while when it refuses', () => {
    const stage = staged()
    stage.stats(1, 0)
    expect(stage.acquire(10, 'f')).toEqual(['1: start s1 f'])
    expect(stage.failed(1, 's1', true)).toEqual([])
    expect(stage.pass(200)).toEqual([])
    expect(stage.pass(100)).toEqual(['1: start s2 f'])
  })

  it('starts nothing on a worker that goes away', () => {
    const stage = staged()
    stage.stats(1, 1_024, true)
    expect(stage.acquire(10, 'f')).toEqual([])
  })

  it('has sandboxes of a replaced revision stopped, those in use when they are free', () => {
    const stage = leased()
    stage.acquire(10, 'f')
    stage.ready(1, 's2')
    stage.release(10, 's2 7.2')
    const change = {
      kind: 'function-changed' as const,
      accountId: '000000000001',
      functionName: 'f',
      currentKeys: new Set([stageSpec('f', { sandboxKey: 'new' }).sandboxKey]),
    }
    expect(stage.handle(change)).toEqual(['10: recall s1 7.1', '1: stop s2'])
    expect(stage.release(10, 's1 7.1')).toEqual(['1: stop s1'])
  })
})

describe('losses', () => {
  it('takes the lease from the dispatcher when its sandbox is gone', () => {
    const stage = leased({ limit: 1 })
    expect(stage.gone(1, 's1')).toEqual(['10: revoked s1 7.1'])
    expect(stage.ledger.used).toBe(0)
  })

  it('counts what may still run on a lost worker until its dispatcher has seen the end', () => {
    const stage = leased({ limit: 1 })
    stage.worker(2)
    expect(stage.handle({ kind: 'worker-lost', connection: 1 })).toEqual(['10: revoked s1 7.1'])
    expect(stage.acquire(11, 'f')).toEqual([])
    expect(stage.release(10, 's1 7.1')).toEqual(['2: start s2 f'])
  })

  it('counts what may still run on a lost worker until the worker must have stopped', () => {
    const stage = leased({ limit: 1 })
    stage.worker(2)
    stage.handle({ kind: 'worker-lost', connection: 1 })
    stage.release(10, 's1 7.1', { sandboxLost: true, mayStillRun: true })
    expect(stage.acquire(11, 'f', { waitMs: 20_000 })).toEqual([])
    expect(stage.pass(14_950)).toEqual([])
    expect(stage.pass(100)).toEqual(['2: start s2 f'])
  })

  it('believes the worker that comes back', () => {
    const stage = leased({ limit: 1 })
    stage.handle({ kind: 'worker-lost', connection: 1 })
    stage.release(10, 's1 7.1', { mayStillRun: true })
    stage.acquire(11, 'f')
    const report = {
      sandboxId: 's1',
      spec: stageSpec('f'),
      lease: { epoch: 7n, number: 1n },
      busy: true,
      starting: false,
      provisioned: false,
    }
    expect(stage.worker(2, { workerId: 'w1', sandboxes: [report] })).toEqual(['2: welcome 7'])
    expect(stage.pass(1_000)).toEqual(['2: end s1 7.1'])
    expect(stage.leaseEnded(2, 's1 7.1')).toEqual(['11: granted 2 s1 7.2'])
  })

  it('ends the leases of a lost dispatcher, after a moment in which it may come back', () => {
    const stage = leased({ limit: 1 })
    expect(stage.handle({ kind: 'dispatcher-lost', connection: 10 })).toEqual([])
    expect(stage.acquire(11, 'f')).toEqual([])
    expect(stage.pass(1_000)).toEqual(['1: end s1 7.1'])
    expect(stage.leaseEnded(1, 's1 7.1')).toEqual(['11: granted 2 s1 7.2'])
  })

  it('gives a dispatcher that comes back its leases, but not those that were ended', () => {
    const stage = leased()
    stage.handle({ kind: 'dispatcher-lost', connection: 10 })
    expect(stage.dispatcher(12, ['s1 7.1'])).toEqual(['12: welcome 7'])
    expect(stage.release(12, 's1 7.1')).toEqual([])
    expect(stage.dispatcher(13, ['s1 7.1'])).toEqual(['13: welcome 7', '13: revoked s1 7.1'])
  })

  it('does not hand a lease to two dispatchers', () => {
    const stage = leased()
    expect(stage.dispatcher(12, ['s1 7.1'])).toEqual(['12: welcome 7', '12: revoked s1 7.1'])
  })

  it('has a worker end a lease whose invocation nobody saw the end of, and stops the sandbox', () => {
    const stage = leased()
    expect(stage.release(10, 's1 7.1', { sandboxLost: true, mayStillRun: true })).toEqual(['1: end s1 7.1'])
    expect(stage.leaseEnded(1, 's1 7.1')).toEqual(['1: stop s1'])
    expect(stage.gone(1, 's1')).toEqual([])
    expect(stage.leader.counts()).toMatchObject({ leased: 0, idle: 0, starting: 0, stopping: 0 })
  })

  it('voids a hello that a later one has overtaken', () => {
    const stage = staged()
    expect(stage.worker(3, { workerId: 'w1', generation: 0n })).toEqual(['1: closed', '3: welcome 7'])
    expect(stage.worker(4, { workerId: 'w1', generation: 9n })).toEqual(['3: closed', '4: welcome 7'])
    expect(stage.worker(5, { workerId: 'w1', generation: 8n })).toEqual(['5: closed'])
  })
})

describe('taking over', () => {
  const report = (over: object = {}) => ({
    sandboxId: 'a1',
    spec: stageSpec('f'),
    lease: { epoch: 6n, number: 4n },
    busy: false,
    starting: false,
    provisioned: false,
    ...over,
  })
  const takeover = (limit = 10): Stage => new Stage({ limit, config: { expected: [{ workerId: 'w1', slots: 8 }] } })

  it('grants nothing before the workers it knows of have reported', () => {
    const stage = takeover()
    stage.dispatcher(10)
    stage.worker(2)
    expect(stage.acquire(10, 'f')).toEqual([])
    expect(stage.worker(1)).toEqual(['1: welcome 7', '1: start s1 f'])
  })

  it('counts the leases that dispatchers hold', () => {
    const stage = takeover(1)
    stage.dispatcher(10, ['a1 6.4 on w1'])
    expect(stage.worker(1, { sandboxes: [report()] })).toEqual(['1: welcome 7'])
    stage.dispatcher(11)
    expect(stage.acquire(11, 'f')).toEqual(['10: recall a1 6.4'])
    expect(stage.release(10, 'a1 6.4')).toEqual(['11: granted 1 a1 7.1'])
  })

  it('ends leases that nobody claims', () => {
    const stage = takeover(1)
    stage.worker(1, { sandboxes: [report({ busy: true })] })
    stage.dispatcher(11)
    expect(stage.acquire(11, 'f')).toEqual([])
    expect(stage.pass(1_000)).toEqual(['1: end a1 6.4'])
    expect(stage.leaseEnded(1, 'a1 6.4')).toEqual(['11: granted 1 a1 7.1'])
  })

  it('uses idle sandboxes at once', () => {
    const stage = takeover()
    stage.worker(1, { sandboxes: [report({ lease: undefined })] })
    stage.dispatcher(10)
    expect(stage.acquire(10, 'f')).toEqual(['10: granted 1 a1 7.1 cold'])
  })

  it('revokes a lease that its worker has never seen, because the worker refuses it now', () => {
    const stage = takeover()
    stage.dispatcher(10, ['a1 6.5 on w1'])
    expect(stage.worker(1, { sandboxes: [report({ lease: undefined })] })).toEqual([
      '1: welcome 7',
      '10: revoked a1 6.5',
    ])
    expect(stage.leader.counts()).toMatchObject({ leased: 0, idle: 1 })
  })

  it('goes on without a worker after a while, but withholds what may run there until it must have stopped', () => {
    const stage = takeover(10)
    stage.worker(2)
    stage.dispatcher(10)
    stage.acquire(10, 'f', { waitMs: 30_000 })
    expect(stage.pass(1_500)).toEqual(['2: start s1 f'])
    stage.acquire(10, 'f', { waitMs: 30_000 })
    // Eight of ten slots are withheld.
    expect(stage.acquire(10, 'f', { waitMs: 30_000 })).toEqual([])
    expect(stage.pass(13_400)).toEqual([])
    expect(stage.pass(200)).toEqual(['2: start s3 f'])
  })

  it('remembers the workers on which leases may live', () => {
    const stage = takeover()
    expect(stage.leader.workersToRemember()).toEqual([{ workerId: 'w1', slots: 8 }])
    stage.worker(2)
    stage.dispatcher(10, ['a1 6.4 on w1', 'a2 6.5 on w9'])
    expect(stage.leader.workersToRemember()).toEqual([
      { workerId: 'w2', slots: 8 },
      { workerId: 'w1', slots: 8 },
      { workerId: 'w9', slots: 1 },
    ])
  })
})
