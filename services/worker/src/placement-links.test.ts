import type { Leader } from '@weft/contracts'
import type { PlacementToWorkerFrame, WorkerFrame } from '@weft/contracts/placement'
import { defaultLeaseTimings, LeaseGate } from '@weft/placement'
import { type Channel, memoryChannelPair, type PlacementDirectory, silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { beforeEach, expect, test } from 'vitest'
import type { Fleet } from './fleet.ts'
import { PlacementLinks } from './placement-links.ts'

type Far = Channel<WorkerFrame, PlacementToWorkerFrame>

let clock: FakeClock
/** Time in which this process did not run: no timer fired. */
let stoodStillMs: number
let leader: Leader | undefined
let onLeader: (partition: number, leader: Leader | undefined) => void
let dialled: { readonly instanceId: string; readonly far: Far; readonly heard: WorkerFrame['frame'][] }[]
let asked: string[]
let links: PlacementLinks

const leaderOf = (instanceId: string, epoch: number): Leader => ({ instanceId, epoch, address: '', renewedAtMs: 0 })
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

beforeEach(async () => {
  clock = new FakeClock()
  stoodStillMs = 0
  leader = leaderOf('p1', 1)
  dialled = []
  asked = []
  const directory: PlacementDirectory = {
    partitions: 1,
    leader: () => leader,
    onLeader: (listener) => {
      onLeader = listener
      return () => undefined
    },
    dialDispatcher: () => {
      throw new Error('not a dispatcher')
    },
    dialWorker: (_, { instanceId }) => {
      const [near, far] = memoryChannelPair<PlacementToWorkerFrame, WorkerFrame>()
      const heard: WorkerFrame['frame'][] = []
      far.receive(({ frame }) => heard.push(frame))
      dialled.push({ instanceId, far, heard })
      return near
    },
  }
  const gate = new LeaseGate(defaultLeaseTimings, 'serve', clock.monotonic())
  const fleet = {
    gate: () => gate,
    fence: () => asked.push('fence'),
    reports: () => [{ sandboxId: 's1', busy: true, starting: false }],
    start: (id: string) => asked.push(`start ${id}`),
    stop: (id: string) => asked.push(`stop ${id}`),
    endLease: () => asked.push('end lease'),
    ...{ freeMemoryMb: 100.7, size: 1, draining: false },
  } as unknown as Fleet
  links = new PlacementLinks({
    ...{ directory, fleet, random: () => 1, log: silentLogger },
    clock: {
      now: () => clock.now() + stoodStillMs,
      monotonic: () => clock.monotonic() + stoodStillMs,
      schedule: (delayMs, fn) => clock.schedule(delayMs, fn),
    },
    hello: {
      ...{ workerId: 'w', address: 'h:1', zone: 'z', runtimes: ['nodejs24.x'], runtimeVersions: [] },
      ...{ networks: [], isolation: 'container' as const },
      ...{ memoryMb: 1_000, parallelStarts: 0 },
    },
  })
  await settle()
})

const spec = { accountId: '000000000000' } as never
const from = (far: Far, frame: PlacementToWorkerFrame['frame']): Promise<void> => {
  far.send({ frame })
  return settle()
}
const stop = (epoch: bigint) => ({ $case: 'stop' as const, value: { epoch, sandboxId: 's1', reason: '' } })

test('it registers with what lives here, and tells its figures', async () => {
  expect(dialled[0]?.heard).toMatchObject([
    { $case: 'hello', value: { workerId: 'w', memoryMb: 1_000n, sandboxes: [{ sandboxId: 's1', busy: true }] } },
    { $case: 'stats', value: { freeMemoryMb: 100n, sandboxes: 1, draining: false } },
  ])
  links.changed()
  links.changed()
  clock.advance(1_000)
  await settle()
  expect(dialled[0]?.heard).toHaveLength(3)
})

test('it goes to each new leader at once, and listens to the old one no more', async () => {
  leader = leaderOf('p2', 2)
  onLeader(0, leader)
  await settle()
  expect(dialled.map(({ instanceId }) => instanceId)).toEqual(['p1', 'p2'])
  const [old, current] = dialled as [(typeof dialled)[0], (typeof dialled)[0]]
  await from(old.far, stop(9n))
  await from(current.far, { $case: 'welcome', value: { epoch: 2n } })
  await from(current.far, { $case: 'start', value: { epoch: 2n, sandboxId: 's2', spec, provisioned: false } })
  expect(asked).toEqual(['start s2'])
})

test('an older epoch is not obeyed, and one that welcomes with it is left', async () => {
  const { far } = dialled[0] as (typeof dialled)[0]
  await from(far, { $case: 'welcome', value: { epoch: 5n } })
  await from(far, stop(4n))
  expect(asked).toEqual([])
  await from(far, stop(5n))
  expect(asked).toEqual(['stop s1'])
  await from(far, { $case: 'welcome', value: { epoch: 3n } })
  expect((await far.closed).remote).toBe(true)
})

test('a lost connection is dialled again, each time after a longer pause, until the leader answers', async () => {
  for (const waitMs of [50, 100, 200]) {
    dialled.at(-1)?.far.close()
    await settle()
    expect(links.unreached()).toEqual([0])
    const before = dialled.length
    clock.advance(waitMs - 1)
    expect(dialled).toHaveLength(before)
    clock.advance(1)
    expect(dialled).toHaveLength(before + 1)
  }
  await settle()
  await from((dialled.at(-1) as (typeof dialled)[0]).far, { $case: 'welcome', value: { epoch: 1n } })
  dialled.at(-1)?.far.close()
  await settle()
  const before = dialled.length
  clock.advance(50)
  expect(dialled).toHaveLength(before + 1)
})

test('while placement is out of reach for too long, what runs under its leases is ended', async () => {
  await from((dialled[0] as (typeof dialled)[0]).far, { $case: 'welcome', value: { epoch: 1n } })
  leader = undefined
  onLeader(0, leader)
  const other = leaderOf('p2', 2)
  leader = other
  onLeader(0, other)
  const goOn = async (forMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < forMs; passedMs += 500) {
      dialled.at(-1)?.far.close()
      await settle()
      clock.advance(500)
      await settle()
    }
  }
  await goOn(defaultLeaseTimings.workerFenceMs - 1_000)
  expect(asked).toEqual([])
  await goOn(2_000)
  expect(asked).toContain('fence')
})

test('after it stood still for too long, what ran under its leases is ended, and it reports anew', async () => {
  await from((dialled[0] as (typeof dialled)[0]).far, { $case: 'welcome', value: { epoch: 1n } })
  clock.advance(1_000)
  stoodStillMs = defaultLeaseTimings.workerFenceMs - 1_001
  clock.advance(1_000)
  expect(asked).toEqual([])
  stoodStillMs += 45_000
  clock.advance(1_000)
  await settle()
  expect(asked).toContain('fence')
  expect(dialled).toHaveLength(2)
  expect(dialled[1]?.heard[0]).toMatchObject({ $case: 'hello' })
})

test('closed, it dials nobody', async () => {
  links.close()
  await settle()
  onLeader(0, leader)
  clock.advance(60_000)
  expect(dialled).toHaveLength(1)
})
