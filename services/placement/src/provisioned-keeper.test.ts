import { type Alias, catalogueKeys, type FunctionVersion, provisionedKey } from '@weft/contracts'
import type { ProvisionedCounts, ProvisionedTarget } from '@weft/placement'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { ProvisionedKeeper } from './provisioned-keeper.ts'
import { MemoryProvisionedBook } from './testing/memory-book.ts'

const plain = recordNamed('f')
const { accountId: account, functionName: name } = plain
const owned = { accountId: account, functionName: name, ...(plain.functionId && { functionId: plain.functionId }) }

let catalogue: MemoryCatalogue
let book: MemoryProvisionedBook
let clock: FakeClock
let wanted: readonly ProvisionedTarget[]
let counts: ProvisionedCounts[]
let keeper: ProvisionedKeeper

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

const put = <T>(store: { create(key: string, value: T): Promise<unknown> }, key: string, value: T) =>
  store.create(key, value)

const version = (number: string): FunctionVersion => ({ ...plain.latest, version: number, revisionId: `v${number}` })

const alias = (over: Partial<Alias>): Alias => ({
  ...owned,
  ...{ name: 'live', functionVersion: '1' },
  ...{ description: '', revisionId: 'a', ...over },
})

const setAlias = (over: Partial<Alias>): void => {
  const key = catalogueKeys.alias(account, name, 'live')
  catalogue.aliasStore.entries.set(key, { value: alias(over), revision: 1 })
  keeper.changed(account, name)
}

const provision = (settings: Readonly<Record<string, number>>): void => {
  const provisioned = Object.fromEntries(
    Object.entries(settings).map(([qualifier, requested]) => [qualifier, { requested, lastModifiedMs: 7 }]),
  )
  catalogue.functionStore.entries.set(`${account}.${name}`, { value: { ...plain, provisioned }, revision: 1 })
  keeper.changed(account, name)
}

const asked = (): string[] => wanted.map(({ spec, count }) => `${spec.version} × ${count}`)

const looked = async (): Promise<unknown> => {
  clock.advance(250)
  await settle()
  return book.entries.get(provisionedKey(account, name, 'live'))
}

beforeEach(async () => {
  catalogue = new MemoryCatalogue()
  book = new MemoryProvisionedBook()
  clock = new FakeClock()
  wanted = []
  counts = []
  keeper = new ProvisionedKeeper({
    ...{ catalogue, book, region: 'us-east-1', epoch: 1, clock, log: silentLogger },
    wanted: (_account, _name, targets) => {
      wanted = targets
    },
    counts: () => counts,
  })
  for (const number of ['1', '2'])
    await put(catalogue.versionStore, catalogueKeys.version(account, name, number), {
      ...owned,
      version: version(number),
    })
  setAlias({})
})

/** All that were asked for, so many of them initialised. */
const made = (available: number, failure?: ProvisionedCounts['failure']): void => {
  counts = wanted.map(({ spec, count }) => ({
    ...{ sandboxKey: spec.sandboxKey, target: count, allocated: count },
    ...{ available: Math.min(available, count), busy: 0, failure },
    ...{ failureReason: '', everAvailable: available > 0, lastLeasedAt: undefined, leases: 0, peakLeases: () => 0 },
  }))
}

describe('provisioned settings', () => {
  it('are wanted of the version itself, or of the one that an alias leads to', () => {
    provision({ 2: 3 })
    expect(asked()).toEqual(['2 × 3'])
    provision({ live: 3 })
    expect(asked()).toEqual(['1 × 3'])
    setAlias({ functionVersion: '2' })
    expect(asked()).toEqual(['2 × 3'])
  })

  it('are wanted of both versions of an alias with weights, as many of each as it has calls', () => {
    provision({ live: 10 })
    setAlias({ additional: { version: '2', weight: 0.25 } })
    expect(asked()).toEqual(['1 × 7', '2 × 3'])
  })

  it('are told: in progress, ready, failed', async () => {
    provision({ live: 2 })
    expect(await looked()).toEqual({ status: 'IN_PROGRESS', allocated: 0, available: 0, lastModifiedMs: 7 })
    made(1)
    expect(await looked()).toMatchObject({ status: 'IN_PROGRESS', allocated: 2, available: 1 })
    made(2)
    expect(await looked()).toMatchObject({ status: 'READY', allocated: 2, available: 2 })
    made(0, 'init')
    expect(await looked()).toMatchObject({ status: 'FAILED', statusReason: 'FUNCTION_ERROR_INIT_FAILURE' })
  })

  it('are forgotten when they are taken away', async () => {
    provision({ live: 2 })
    await looked()
    provision({})
    expect(asked()).toEqual([])
    expect(await looked()).toBeUndefined()
  })

  it('are told again when the book could not be written', async () => {
    const tell = book.tell.bind(book)
    book.tell = () => Promise.reject(new Error('the bus is away'))
    provision({ live: 2 })
    expect(await looked()).toBeUndefined()
    book.tell = tell
    expect(await looked()).toMatchObject({ status: 'IN_PROGRESS' })
  })
})
