import { accountId, err, ok, type Schedule, type TriggerRecord, triggerKeys } from '@weft/contracts'
import { type EventTargets, type MappingLease, type MappingLeases, TriggerIndex } from '@weft/delivery'
import { type Clock, silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import type { Identities } from '@weft/policy'
import { MemoryStore } from '@weft/registry/testing'
import { describe, expect, it } from 'vitest'
import { TestCatalogue } from '../fixtures.ts'
import { Attempts } from './attempts.ts'
import { ScheduleClock } from './schedule-clock.ts'

const account = accountId('000000000000')
const arn = `arn:aws:jetstream:us-east-1:${account}:stream/S`
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

const schedule = (name: string, expression: string, change: Partial<Schedule> = {}): Schedule => ({
  ...{ kind: 'schedule', accountId: account, groupName: 'default', name, expression, timezone: 'UTC' },
  ...{ flexibleWindowMinutes: 0, enabled: true, deleteAfterCompletion: false },
  target: { id: 'target', arn, maximumEventAgeSeconds: 3_600, maximumRetryAttempts: 5 },
  ...{ createdAtMs: startMs, lastModifiedMs: startMs, ...change },
})
const startMs = Date.parse('2026-01-01T00:00:00Z')

/** Entries that expire by the fake clock. */
class Leases implements MappingLeases {
  readonly ttlMs = 9_000
  readonly #clock: Clock
  #held: { readonly lease: MappingLease; untilMs: number } | undefined
  #revision = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async acquire(key: string) {
    if (this.#held && this.#clock.now() < this.#held.untilMs) return err('held' as const)
    return ok(this.#grant(key))
  }

  async renew(lease: MappingLease) {
    if (this.#held?.lease.revision !== lease.revision || this.#clock.now() >= this.#held.untilMs)
      return err('lost' as const)
    return ok(this.#grant(lease.key))
  }

  async release(lease: MappingLease) {
    if (this.#held?.lease.revision === lease.revision) this.#held = undefined
  }

  #grant(key: string): MappingLease {
    const lease = { key, revision: ++this.#revision }
    this.#held = { lease, untilMs: this.#clock.now() + this.ttlMs }
    return lease
  }
}

class World {
  readonly time = new FakeClock(startMs)
  readonly index = new TriggerIndex()
  readonly store: MemoryStore<TriggerRecord> = new MemoryStore<TriggerRecord>((key, removed) =>
    this.index.put(key, removed ? undefined : this.store.entries.get(key)?.value),
  )
  readonly leases = new Leases(this.time)
  /** What arrived, each id once, as JetStream keeps it. */
  readonly arrived = new Map<string, number>()
  away = false
  open = true
  readonly targets: EventTargets = {
    send: async (_, { messageId }) => {
      if (this.away) return err({ reason: 'away', permanent: false })
      if (!this.arrived.has(messageId)) this.arrived.set(messageId, this.time.now() - startMs)
      return ok(undefined)
    },
  }

  /** A poller's clock; `kill` cuts it off from everything at once, as a crash does. */
  clock(): { readonly kill: () => void; readonly stop: () => Promise<void> } {
    let dead = false
    const never = new Promise<never>(() => undefined)
    const alive =
      <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
      (...args: A): Promise<R> =>
        dead ? never : call(...args)
    const { leases, store } = this
    const deps = {
      ...{ catalogue: new TestCatalogue(), identities: {} as Identities, region: 'us-east-1', log: silentLogger },
      isOpen: () => this.open,
      ...{ clock: this.time, triggers: this.index, targets: { send: alive(this.targets.send) } },
      leases: {
        ttlMs: leases.ttlMs,
        acquire: alive((key: string) => leases.acquire(key)),
        renew: alive((lease: MappingLease) => leases.renew(lease)),
        release: alive((lease: MappingLease) => leases.release(lease)),
      },
      store: {
        read: alive((key: string) => store.read(key)),
        create: alive((key: string, value: TriggerRecord) => store.create(key, value)),
        replace: alive((key: string, value: TriggerRecord, revision: number) => store.replace(key, value, revision)),
        remove: alive((key: string, revision: number) => store.remove(key, revision)),
      },
    }
    const stop = new AbortController()
    const running = new ScheduleClock({ ...deps, attempts: new Attempts(deps) }).run(stop.signal)
    return {
      kill: () => {
        dead = true
      },
      stop: () => {
        stop.abort()
        return running
      },
    }
  }

  put(record: Schedule): void {
    this.store.put(triggerKeys.schedule(account, record.groupName, record.name), record)
  }

  /** Lets time pass in steps that timers and what they set off can follow. */
  async pass(ms: number, stepMs = 500): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.time.advance(Math.min(left, stepMs))
      await settle()
    }
  }

  get times(): number[] {
    return [...this.arrived.values()].sort((a, b) => a - b)
  }
}

describe('the clock of schedules', () => {
  it('fires at its times, once with two pollers', async () => {
    const world = new World()
    world.put(schedule('a', 'rate(1 minute)', { createdAtMs: startMs + 30_000, lastModifiedMs: startMs + 30_000 }))
    const clocks = [world.clock(), world.clock()]
    await world.pass(200_000)
    expect(world.times).toEqual([30_000, 90_000, 150_000])
    await Promise.all(clocks.map((clock) => clock.stop()))
  })

  it('goes on in another poller when one dies, and makes up for the last time that was missed', async () => {
    const world = new World()
    world.put(schedule('a', 'cron(* * * * ? *)'))
    const first = world.clock()
    await world.pass(70_000)
    expect(world.times).toEqual([60_000])
    first.kill()
    await world.pass(200_000)
    expect(world.times).toEqual([60_000])
    const second = world.clock()
    await world.pass(60_000)
    // 240 s was the last of those that nobody saw.
    expect(world.times).toEqual([60_000, expect.closeTo(270_000, -4), 300_000])
    await second.stop()
  })

  it('tries again what a target did not take, and gives up in time', async () => {
    const world = new World()
    const clock = world.clock()
    await world.pass(1_000)
    world.away = true
    world.put(schedule('once', 'at(2026-01-01T00:00:05)'))
    await world.pass(8_000)
    expect(world.times).toEqual([])
    world.away = false
    await world.pass(10_000)
    expect(world.times).toHaveLength(1)

    world.away = true
    world.put(schedule('never', 'at(2026-01-01T00:01:00)'))
    await world.pass(120_000)
    world.away = false
    await world.pass(60_000)
    expect(world.times).toHaveLength(1)
    await clock.stop()
  })

  it('follows changes, and removes a schedule that is over when it shall', async () => {
    const world = new World()
    const clock = world.clock()
    await world.pass(1_000)
    world.put(schedule('a', 'rate(1 minute)', { enabled: false }))
    world.put(schedule('b', 'at(2026-01-01T00:00:10)', { deleteAfterCompletion: true }))
    world.put(schedule('c', 'at(2026-01-01T00:00:10)'))
    await world.pass(60_000)
    expect(world.times).toEqual([10_000, 10_000])
    expect([...world.index.timed().values()].map(({ name }) => name).sort()).toEqual(['a', 'c'])
    world.put(schedule('a', 'rate(1 minute)', { lastModifiedMs: world.time.now() }))
    await world.pass(60_000)
    expect(world.times.filter((at) => at > 10_000)).toEqual([120_000])
    await clock.stop()
  })

  it('lets the schedules of a disabled account stand still, and makes up for none', async () => {
    const world = new World()
    world.put(schedule('a', 'rate(1 minute)', { createdAtMs: startMs + 30_000, lastModifiedMs: startMs + 30_000 }))
    const clock = world.clock()
    await world.pass(40_000)
    world.open = false
    await world.pass(100_000)
    world.open = true
    await world.pass(60_000)
    expect(world.times).toEqual([30_000, 150_000])
    await clock.stop()
  })
})
