import { catalogueKeys, type FunctionVersion, type SnapStartEntry, snapStartKey } from '@weft/contracts'
import type { ProvisionedCounts, ProvisionedTarget } from '@weft/placement'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { snapStartInactiveMs } from '@weft/registry'
import { MemoryCatalogue, MemoryCollection, recordNamed } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { SnapStartKeeper } from './snap-start-keeper.ts'

const plain = recordNamed('f')
const { accountId: account, functionName: name } = plain
const owned = { accountId: account, functionName: name, ...(plain.functionId && { functionId: plain.functionId }) }

let catalogue: MemoryCatalogue
let entries: MemoryCollection<SnapStartEntry>
let clock: FakeClock
let wanted: readonly ProvisionedTarget[]
let counts: ProvisionedCounts[]
let keeper: SnapStartKeeper

const keeperOf = (epoch: number): SnapStartKeeper =>
  new SnapStartKeeper({
    ...{ catalogue, entries, region: 'us-east-1', epoch, clock, log: silentLogger },
    wanted: (_account, _name, targets) => {
      wanted = targets
    },
    counts: () => counts,
  })

const publish = (number: string, change: Partial<FunctionVersion> = {}): void => {
  const version: FunctionVersion = {
    ...plain.latest,
    version: number,
    revisionId: `v${number}`,
    snapStart: true,
    ...change,
  }
  catalogue.versionStore.put(catalogueKeys.version(account, name, number), { ...owned, version })
  keeper.changed(account, name)
}

/** What placement says of the version's environments. */
const placement = (more: Partial<ProvisionedCounts>): void => {
  counts = wanted.map(({ spec, count }) => ({
    ...{ sandboxKey: spec.sandboxKey, target: count, allocated: count, available: 0, busy: 0, leases: 0 },
    ...{ failure: undefined, failureReason: '', everAvailable: false, lastLeasedAt: undefined, peakLeases: () => 0 },
    ...more,
  }))
}

const looked = async (ms = 100): Promise<SnapStartEntry | undefined> => {
  clock.advance(ms)
  for (let i = 0; i < 40; i++) await Promise.resolve()
  return entries.get(snapStartKey(account, name, '1'))
}

const asked = (): string[] =>
  wanted.map(({ spec, count, urgent }) => `${spec.version} × ${count}${urgent ? ' at once' : ''}`)

beforeEach(() => {
  catalogue = new MemoryCatalogue()
  catalogue.functionStore.put(`${account}.f`, plain)
  entries = new MemoryCollection()
  clock = new FakeClock()
  wanted = []
  counts = []
  keeper = keeperOf(1)
})

describe('versions with SnapStart', () => {
  it('are Pending until an environment is initialised, then Active', async () => {
    publish('1')
    expect(asked()).toEqual(['1 × 1 at once'])
    expect(await looked()).toMatchObject({ state: 'Pending', version: '1', revisionId: 'v1', epoch: 1 })
    placement({ everAvailable: true })
    expect(await looked()).toMatchObject({ state: 'Active' })
    expect(asked()).toEqual(['1 × 1'])
  })

  it('are Failed for good when their code cannot be initialised', async () => {
    publish('1')
    placement({ failure: 'init', failureReason: 'Runtime.ImportModuleError' })
    await looked()
    expect(await looked()).toMatchObject({ state: 'Failed', failure: 'Runtime.ImportModuleError' })
    expect(asked()).toEqual([])
  })

  it('wait on while no worker can take them', async () => {
    publish('1')
    placement({ failure: 'never' })
    await looked()
    expect(await looked()).toMatchObject({ state: 'Pending' })
  })

  it('end after two weeks without a call, and come back when one has woken them', async () => {
    publish('1')
    placement({ everAvailable: true })
    await looked()
    await looked()
    await looked(snapStartInactiveMs)
    expect(await looked(60_000)).toMatchObject({ state: 'Inactive' })
    expect(asked()).toEqual([])
    catalogue.functionStore.put(`${account}.f`, { ...plain, wokenSnapStarts: { 1: clock.now() + 1 } })
    keeper.changed(account, name)
    expect(await looked()).toMatchObject({ state: 'Pending', restoring: true })
    expect(asked()).toEqual(['1 × 1 at once'])
    placement({ everAvailable: true })
    expect(await looked()).toMatchObject({ state: 'Active' })
  })

  it('live on while they are called', async () => {
    publish('1')
    placement({ everAvailable: true, leases: 1 })
    await looked()
    await looked()
    for (const _week of [1, 2, 3]) {
      await looked(snapStartInactiveMs / 2)
      expect(await looked(60_000)).toMatchObject({ state: 'Active', lastUsedMs: clock.now() })
    }
  })

  it('go on from where an earlier leader left them, which is not heard any more', async () => {
    publish('1')
    placement({ everAvailable: true })
    await looked()
    await looked()
    const earlier = keeper
    keeper = keeperOf(2)
    keeper.changed(account, name)
    placement({ failure: 'init', failureReason: 'Runtime.ExitError' })
    expect(await looked()).toMatchObject({ state: 'Active', epoch: 1 })
    keeper.stop()
    entries.store.put(snapStartKey(account, name, '1'), {
      ...(entries.get(snapStartKey(account, name, '1')) as SnapStartEntry),
      ...{ state: 'Failed', epoch: 2 },
    })
    earlier.changed(account, name)
    placement({ everAvailable: true, leases: 1 })
    expect(await looked(60_000 * 61)).toMatchObject({ state: 'Failed', epoch: 2 })
  })

  it('have more environments waiting the more they had in use at once', async () => {
    publish('1')
    placement({ everAvailable: true })
    await looked()
    await looked()
    placement({ everAvailable: true, peakLeases: () => 10 })
    await looked(60_000)
    expect(asked()).toEqual(['1 × 3'])
    placement({ everAvailable: true, peakLeases: () => 100 })
    await looked(60_000)
    expect(asked()).toEqual(['1 × 8'])
    placement({ everAvailable: true })
    await looked(60_000)
    expect(asked()).toEqual(['1 × 1'])
  })

  it('are forgotten when they are deleted', async () => {
    publish('1')
    await looked()
    catalogue.versionStore.entries.delete(catalogueKeys.version(account, name, '1'))
    keeper.changed(account, name)
    expect(asked()).toEqual([])
    expect(await looked()).toBeUndefined()
  })

  it('that were published without it are let be', async () => {
    const { snapStart: _none, ...without } = { ...plain.latest, version: '1', revisionId: 'v1', snapStart: true }
    catalogue.versionStore.put(catalogueKeys.version(account, name, '1'), { ...owned, version: without })
    keeper.changed(account, name)
    expect(asked()).toEqual([])
    expect(await looked()).toBeUndefined()
  })
})
