import type { Leader } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { type Clock, silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureFabric, leastStorageBytes, memberTtlMs } from './fabric.ts'
import { openLeaderBoard, vacateLeaderBoard } from './leader-board.ts'
import { type NatsLink, openLink } from './link.ts'
import { announce, watchMembers } from './members.ts'

const log = silentLogger
const a = { instanceId: 'a', address: 'h:1' }
const b = { instanceId: 'b', address: 'h:2' }
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, { replicas: 1, storageBytes: leastStorageBytes })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const claimed = async (claim: Promise<{ ok: true; value: Leader } | { ok: false; error: 'held' }>) => {
  const result = await claim
  if (!result.ok) throw new Error('held')
  return result.value
}

test('one of many claims wins, and the epoch grows with every leader', async () => {
  const clock = new FakeClock()
  await using board = openLeaderBoard(link, { log, clock })
  await using other = openLeaderBoard(link, { log, clock })
  const results = await Promise.all([board.claim(0, a), other.claim(0, b)])
  expect(results.filter((r) => r.ok)).toHaveLength(1)
  const first = results.find((r) => r.ok)?.value as Leader
  expect(first).toMatchObject({ epoch: 1, workers: [] })
  await expect.poll(() => board.leader(0)).toMatchObject({ epoch: 1 })
  await expect.poll(() => other.leader(0)).toMatchObject({ epoch: 1 })

  const workers = [{ workerId: 'w', slots: 4 }]
  const renewed = await board.renew(0, { ...first, workers })
  if (!renewed.ok) throw new Error('lost')
  await board.resign(0, renewed.value)
  expect(board.leader(0)).toBeUndefined()
  await expect.poll(() => other.leader(0)).toBeUndefined()
  expect(await claimed(other.claim(0, b))).toMatchObject({ instanceId: 'b', epoch: 2, workers })
  expect(await board.renew(0, first)).toEqual({ ok: false, error: 'lost' })
})

test('a silent leader is dead after the time that the observer measured', async () => {
  const clock = new FakeClock()
  await using board = openLeaderBoard(link, { log, clock, ttlMs: 5_000 })
  const first = await claimed(board.claim(1, a))
  const told: (string | undefined)[] = []
  board.onLeader((partition, leader) => {
    if (partition === 1) told.push(leader?.instanceId)
  })
  await using observer = openLeaderBoard(link, { log, clock, ttlMs: 5_000 })
  await observer.whenReady
  clock.advance(4_999)
  expect(await observer.claim(1, b)).toEqual({ ok: false, error: 'held' })
  expect((await board.renew(1, first)).ok).toBe(true)
  clock.advance(4_999)
  expect(board.leader(1)).toBeDefined()
  clock.advance(1)
  expect(told).toEqual([undefined])
  expect((await claimed(board.claim(1, b))).epoch).toBe(2)
})

test('a timer that fires early does not hide that a leader is dead', async () => {
  const clock = new FakeClock()
  const hasty: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    schedule: (delayMs, fn) => clock.schedule(delayMs > 1 ? delayMs - 1 : delayMs, fn),
  }
  await using board = openLeaderBoard(link, { log, clock: hasty, ttlMs: 5_000 })
  await claimed(board.claim(3, a))
  const told: (string | undefined)[] = []
  board.onLeader((partition, leader) => {
    if (partition === 3) told.push(leader?.instanceId)
  })
  clock.advance(5_000)
  expect(told).toEqual([undefined])
})

test('a vacated board can be claimed at once and keeps its epochs', async () => {
  const clock = new FakeClock()
  {
    await using board = openLeaderBoard(link, { log, clock })
    await claimed(board.claim(2, a))
  }
  await vacateLeaderBoard(link, 4, clock)
  await using board = openLeaderBoard(link, { log, clock })
  expect((await claimed(board.claim(2, b))).epoch).toBe(2)
})

test('members show while they beat, and go after their time', async () => {
  const clock = new FakeClock()
  await using members = watchMembers(link, { log, clock })
  const member = { service: 'worker', instanceId: 'w1', address: 'h:1', startedAtMs: 5 }
  {
    await using _beat = announce(link, member, { log, clock })
    await expect.poll(() => members.list('worker')).toEqual([member])
  }
  expect(members.list('frontend')).toEqual([])
  clock.advance(memberTtlMs)
  expect(members.list()).toEqual([])
})
