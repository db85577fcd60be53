import {
  catalogueKeys,
  type FunctionRecord,
  type ProvisionedScaling,
  type ScalingPolicy,
  type ScheduledScaling,
} from '@weft/contracts'
import type { ProvisionedCounts } from '@weft/placement'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { withQualified } from '@weft/registry'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { qualifierTargets } from '../provisioned-targets.ts'
import { ProvisionedScaler } from './scaler.ts'

const plain = recordNamed('f')
const { accountId: account, functionName: name } = plain
const life = { accountId: account, functionName: name, ...(plain.functionId && { functionId: plain.functionId }) }
const key = `${account}.${name}`

let catalogue: MemoryCatalogue
let clock: FakeClock
/** Share of what is provisioned that is busy. */
let busyShare: number
let scaler: ProvisionedScaler

const scalingOf = (change: Partial<ProvisionedScaling> = {}): ProvisionedScaling => ({
  ...{ minCapacity: 1, maxCapacity: 20, createdAtMs: 0, policies: {}, actions: {}, activities: [], ...change },
})
const tracking: Readonly<Record<string, ScalingPolicy>> = {
  busy: {
    ...{ policyId: 'p', targetValue: 0.5, statistic: 'Average', customized: false },
    ...{ scaleOutCooldownMs: 0, scaleInCooldownMs: 0, disableScaleIn: false, createdAtMs: 0 },
  },
}
const hourMs = 3_600_000
/** An hour from now. */
const inAnHour = (change: Partial<ScheduledScaling> = {}): ScheduledScaling => ({
  ...{ actionId: 'a', schedule: `at(${new Date(clock.now() + hourMs).toISOString().slice(0, 19)})`, timezone: 'UTC' },
  ...{ createdAtMs: 0, doneThroughMs: clock.now(), ...change },
})

const now = (): FunctionRecord => catalogue.functionStore.entries.get(key)?.value as FunctionRecord
const capacity = (): number | undefined => now().provisioned?.['1']?.requested
const activities = () => now().scaling?.['1']?.activities ?? []

function put(scaling: ProvisionedScaling, requested?: number): void {
  const provisioned =
    requested === undefined ? plain : withQualified(plain, 'provisioned', '1', { requested, lastModifiedMs: 1 })
  catalogue.functionStore.put(key, withQualified(provisioned, 'scaling', '1', scaling))
}

async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1_000)
    for (let n = 0; n < 20; n++) await Promise.resolve()
  }
}

beforeEach(() => {
  catalogue = new MemoryCatalogue()
  clock = new FakeClock()
  busyShare = 0
  catalogue.accountStore.put(account, {
    ...{ accountId: account, concurrencyLimit: 1_000, accessKeys: [] },
  } as never)
  catalogue.versionStore.put(catalogueKeys.version(account, name, '1'), {
    ...life,
    version: { ...plain.latest, version: '1' },
  })
  const counts = (): ProvisionedCounts[] =>
    qualifierTargets(catalogue, now(), 'us-east-1').flatMap(({ targets }) =>
      targets.map(({ spec, count }) => ({
        ...{ sandboxKey: spec.sandboxKey, target: count, allocated: count, available: count },
        ...{ busy: Math.round(count * busyShare), failure: undefined, failureReason: '' },
        ...{ everAvailable: true, lastLeasedAt: undefined, leases: 0, peakLeases: () => 0 },
      })),
    )
  let ids = 0
  scaler = new ProvisionedScaler({
    ...{ catalogue, functions: catalogue.functionStore, region: 'us-east-1', clock, log: silentLogger, counts },
    newId: () => `activity-${++ids}`,
  })
  catalogue.onChange(() => scaler.changed(account, name))
  return () => scaler.stop()
})

describe('a scalable target', () => {
  it('is brought within its bounds', async () => {
    put(scalingOf({ minCapacity: 3 }))
    await pass(1)
    expect(capacity()).toBe(3)
    expect(activities()).toMatchObject([{ status: 'Successful', description: 'Setting desired concurrency to 3.' }])
    put({ ...scalingOf({ maxCapacity: 2 }) }, 3)
    await pass(1)
    expect(capacity()).toBe(2)
  })

  it('loses what is provisioned where the bounds are 0', async () => {
    put(scalingOf({ minCapacity: 0, maxCapacity: 0 }), 3)
    await pass(1)
    expect(now().provisioned).toBeUndefined()
  })

  it('follows its use, out and in again', async () => {
    put(scalingOf({ policies: tracking }), 4)
    busyShare = 1
    await pass(60 * 5)
    expect(capacity()).toBe(8)
    busyShare = 0
    // The busy half of the minute in which it became quiet still counts at first.
    await pass(60 * 17)
    expect(capacity()).toBeLessThan(8)
    await pass(60 * 16)
    expect(capacity()).toBe(1)
    const causes = activities().map(({ cause }) => cause)
    expect(causes.at(0)).toBe('monitor of policy busy asked to scale in')
    expect(causes.at(-1)).toBe('monitor of policy busy asked to scale out')
  })

  it('tells what the account has no room for, and asks again a minute later', async () => {
    put(scalingOf({ minCapacity: 950, maxCapacity: 2_000 }))
    await pass(30)
    expect(capacity()).toBeUndefined()
    expect(activities()).toMatchObject([
      { status: 'Failed', message: expect.stringContaining('minimum value of [100]') },
    ])
    await pass(60)
    expect(activities()).toHaveLength(2)
  })

  it('keeps the activities of late only', async () => {
    put(scalingOf({ minCapacity: 950, maxCapacity: 2_000 }))
    await pass(61 * 25)
    expect(activities()).toHaveLength(20)
  })

  it('is left alone when another changes the function meanwhile, and looked at again', async () => {
    put(scalingOf({ minCapacity: 3 }))
    let others = 0
    catalogue.functionStore.beforeWrite = async () => {
      if (others++ === 0) catalogue.functionStore.put(key, { ...now(), tags: { changed: 'yes' } })
    }
    await pass(2)
    expect(now().tags).toEqual({ changed: 'yes' })
    expect(capacity()).toBe(3)
  })
})

describe('a scheduled action', () => {
  it('sets the bounds when it is due, once', async () => {
    put(scalingOf({ actions: { morning: inAnHour({ minCapacity: 5, maxCapacity: 8 }) } }), 2)
    await pass(3)
    expect(capacity()).toBe(2)
    clock.advance(hourMs)
    await pass(2)
    expect(now().scaling?.['1']).toMatchObject({ minCapacity: 5, maxCapacity: 8 })
    expect(capacity()).toBe(5)
    expect(activities()).toHaveLength(1)
    await pass(5)
    expect(activities()).toHaveLength(1)
  })

  it('is made up for by who leads next', async () => {
    const actions = { morning: inAnHour({ minCapacity: 5 }) }
    scaler.stop()
    clock.advance(3 * hourMs)
    put(scalingOf({ actions }), 2)
    const next = new ProvisionedScaler({
      ...{ catalogue, functions: catalogue.functionStore, region: 'us-east-1', clock, log: silentLogger },
      ...{ counts: () => [], newId: () => 'x' },
    })
    next.changed(account, name)
    await pass(1)
    next.stop()
    expect(capacity()).toBe(5)
  })

  it('does nothing while schedules are suspended', async () => {
    const suspended = { in: false, out: false, scheduled: true }
    put(scalingOf({ suspended, actions: { morning: inAnHour({ minCapacity: 5 }) } }), 2)
    await pass(1)
    clock.advance(hourMs)
    await pass(2)
    expect(now().scaling?.['1']?.minCapacity).toBe(1)
    expect(capacity()).toBe(2)
  })
})
