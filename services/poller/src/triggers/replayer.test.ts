import { type Archive, accountId, err, ok, type Replay, type TriggerRecord, triggerKeys } from '@weft/contracts'
import {
  type ArchiveStore,
  type BusEvent,
  type KeptEvent,
  type PutHow,
  type Replaying,
  TriggerIndex,
} from '@weft/delivery'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { MemoryStore } from '@weft/registry/testing'
import { expect, it } from 'vitest'
import { Replayer } from './replayer.ts'

const account = accountId('000000000000')
const key = triggerKeys.replay(account, 'again')
const event = (n: number): BusEvent => ({
  ...{ version: '0', id: `e${n}`, 'detail-type': 't', source: 's', account, time: '', region: 'us-east-1' },
  ...{ resources: [], detail: { n } },
})
const replay = (change: Partial<Replay> = {}): Replay => ({
  ...{ kind: 'replay', accountId: account, name: 'again', archiveName: 'a', busName: 'default', ruleNames: [] },
  ...{ fromMs: 0, toMs: 1_000_000, state: 'STARTING', startedAtMs: 7, ...change },
})

const archive: Archive = {
  ...{ kind: 'archive', accountId: account, name: 'a', busName: 'default', retentionDays: 0, createdAtMs: 0 },
}

/** A replayer over stores in memory, with an archive of `count` events, one a millisecond. */
function world(count: number, first = replay()) {
  const clock = new FakeClock(50_000)
  const triggers = new TriggerIndex()
  const store: MemoryStore<TriggerRecord> = new MemoryStore((one) => triggers.put(one, store.entries.get(one)?.value))
  triggers.put(triggerKeys.archive(account, 'a'), archive)
  store.put(key, first)
  const kept: KeptEvent[] = Array.from({ length: count }, (_, n) => ({
    ...{ sequence: n + 1, arrivedAtMs: n, event: event(n) },
  }))
  const put: { event: BusEvent; replaying: Replaying | undefined }[] = []
  const drops: unknown[] = []
  const state = { waiting: 0, full: 0, beforePut: (_n: number): void => undefined }
  const archives: ArchiveStore = {
    keep: async () => ok(undefined),
    async *read(_account, _archive, from) {
      yield* kept.filter(({ sequence, arrivedAtMs }) =>
        'after' in from ? sequence > from.after : arrivedAtMs >= from.arrivedMs,
      )
    },
    lastSequence: async () => kept.length,
    sizes: async () => new Map(),
    async drop(_account, name, beforeMs) {
      drops.push([name, beforeMs])
    },
  }
  const buses = {
    async put(_account: unknown, _bus: string, one: BusEvent, { replay }: PutHow = {}) {
      state.beforePut(put.length)
      if (state.full > 0) {
        state.full--
        return err('store-full' as const)
      }
      put.push({ event: one, replaying: replay })
      return ok(undefined)
    },
    waiting: async () => state.waiting,
  }
  const leases = {
    ttlMs: 15_000,
    acquire: async () => ok({ key: 'archives.replays', revision: 1 }),
    renew: async () => ok({ key: 'archives.replays', revision: 1 }),
    release: async () => undefined,
  }
  const run = async (until: () => boolean): Promise<void> => {
    const stop = new AbortController()
    const running = new Replayer({ triggers, store, leases, archives, buses, clock, log: silentLogger }).run(
      stop.signal,
    )
    for (let turns = 0; !until() && turns < 10_000; turns++) {
      await new Promise(setImmediate)
      clock.advance(100)
    }
    stop.abort()
    await running
  }
  const now = (): Replay => store.entries.get(key)?.value as Replay
  return { triggers, store, put, drops, state, run, now }
}

it('puts the events of a span of time onto their bus, named and once', async () => {
  const w = world(300, replay({ fromMs: 100, toMs: 249, ruleNames: ['r'] }))
  await w.run(() => w.now().state === 'COMPLETED')
  expect(w.now()).toMatchObject({ state: 'COMPLETED', lastReplayedMs: 249, progress: { endsAt: 300 } })
  expect(w.put.map(({ event: one }) => one.detail.n)).toEqual(Array.from({ length: 150 }, (_, n) => n + 100))
  expect(w.put[0]).toEqual({
    event: { ...event(100), 'replay-name': 'again' },
    replaying: { messageId: 'replay-again-7-101', ruleNames: ['r'] },
  })
})

it('goes on where one that died had come to, and repeats only what was not written down, under the same ids', async () => {
  const w = world(300)
  await w.run(() => w.put.length >= 128)
  const before = w.now().progress?.doneThrough ?? 0
  expect(before).toBeGreaterThanOrEqual(64)
  await w.run(() => w.now().state === 'COMPLETED')
  const ids = w.put.map(({ replaying }) => replaying?.messageId)
  expect(new Set(ids).size).toBe(300)
  expect(ids.length - 300).toBeLessThanOrEqual(64)
})

it('waits while its bus has no room, and tries again what was not taken', async () => {
  const w = world(10)
  w.state.waiting = 5_000
  w.state.full = 3
  const done = w.run(() => w.now().state === 'COMPLETED')
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
  expect(w.put).toEqual([])
  w.state.waiting = 0
  await done
  expect(w.put.map(({ event: one }) => one.detail.n).sort()).toEqual(Array.from({ length: 10 }, (_, n) => n))
})

it('is cancelled on the way', async () => {
  const w = world(1_000)
  w.state.beforePut = (n) => {
    if (n === 100) w.store.put(key, { ...w.now(), state: 'CANCELLING' })
  }
  await w.run(() => w.now().state === 'CANCELLED')
  expect(w.now().state).toBe('CANCELLED')
  expect(w.put.length).toBeLessThan(200)
})

it('fails when its archive is gone', async () => {
  const w = world(0)
  w.triggers.put(triggerKeys.archive(account, 'a'), undefined)
  await w.run(() => w.now().state === 'FAILED')
  expect(w.now()).toMatchObject({ state: 'FAILED', stateReason: 'Archive a does not exist.' })
})

it('removes what archives need not keep any longer', async () => {
  const w = world(0)
  w.triggers.put(triggerKeys.archive(account, 'a'), { ...archive, retentionDays: 2 })
  await w.run(() => w.drops.length > 0)
  expect(w.drops).toEqual([['a', expect.any(Number)]])
  expect((w.drops[0] as [string, number])[1]).toBeLessThanOrEqual(60_000 - 2 * 86_400_000)
})
