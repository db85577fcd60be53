import {
  type Account,
  type AccountId,
  buckets,
  type EventSourceMapping,
  err,
  type FunctionName,
  type FunctionRecord,
  ok,
  type Result,
} from '@weft/contracts'
import { type Clock, type Logger, systemClock } from '@weft/platform'
import type { Catalogue, CatalogueChange, CatalogueStores, Store, Stored } from '@weft/registry'
import { type BucketWatch, watchBucket } from './buckets/bucket-watch.ts'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

/** The catalogue, kept up to date by watches for as long as it is not disposed. */
export interface NatsCatalogue extends Catalogue, AsyncDisposable {
  /** Resolves when all of it has been read once. */
  readonly whenReady: Promise<void>
  problems(): readonly string[]
}

interface Kinds {
  readonly function: FunctionRecord
  readonly account: Account
  readonly mapping: EventSourceMapping
}
type Kind = keyof Kinds

const bucketOf: Record<Kind, string> = {
  function: buckets.functions,
  account: buckets.accounts,
  mapping: buckets.mappings,
}

/** How a store reaches the watches of the catalogue of its process. */
const watchesOf = new WeakMap<Catalogue, Record<Kind, BucketWatch>>()

export interface CatalogueOptions {
  readonly log: Logger
  readonly clock?: Clock
}

/** Opens the catalogue; it is empty until `whenReady` resolves. */
export function openCatalogue(link: NatsLink, options: CatalogueOptions): NatsCatalogue {
  const clock = options.clock ?? systemClock
  const functions = new Map<AccountId, Map<FunctionName, FunctionRecord>>()
  const accounts = new Map<AccountId, Account>()
  const accountOfKey = new Map<string, Account>()
  const mappings = new Map<string, EventSourceMapping>()
  const listeners = new Set<(change: CatalogueChange) => void>()
  const unreadable = new Set<string>()

  const put: { readonly [K in Kind]: (key: string, record: Kinds[K] | undefined) => void } = {
    function(key, record) {
      const [account, name] = key.split('.') as [AccountId, FunctionName]
      const ofAccount = functions.get(account) ?? new Map<FunctionName, FunctionRecord>()
      functions.set(account, ofAccount)
      if (record) ofAccount.set(name, record)
      else ofAccount.delete(name)
    },
    account(key, record) {
      const id = key as AccountId
      for (const accessKey of accounts.get(id)?.accessKeys ?? []) accountOfKey.delete(accessKey.accessKeyId)
      if (!record) accounts.delete(id)
      else {
        accounts.set(id, record)
        for (const accessKey of record.accessKeys) accountOfKey.set(accessKey.accessKeyId, record)
      }
    },
    mapping(key, record) {
      if (record) mappings.set(key, record)
      else mappings.delete(key)
    },
  }
  const follow = <K extends Kind>(kind: K): BucketWatch =>
    watchBucket({
      link,
      clock,
      log: options.log,
      bucket: bucketOf[kind],
      onEntry(key, value) {
        unreadable.delete(`${kind} ${key}`)
        try {
          put[kind](key, value && decode<Kinds[K]>(value))
        } catch (error) {
          // The last readable record stays: a damaged one must not take a function away.
          unreadable.add(`${kind} ${key}`)
          options.log.error({ err: error, kind, key }, 'a record of the catalogue cannot be read')
          return
        }
        for (const listener of [...listeners]) listener({ kind, key, removed: value === undefined })
      },
    })
  const watches = { function: follow('function'), account: follow('account'), mapping: follow('mapping') }
  const all = Object.values(watches)
  const whenReady = Promise.all(all.map((watch) => watch.whenReady)).then(() => {})
  whenReady.catch(() => {})

  const catalogue: NatsCatalogue = {
    function: (account, name) => functions.get(account)?.get(name),
    functions: (account) =>
      [...(functions.get(account)?.values() ?? [])].sort((a, b) => (a.functionName < b.functionName ? -1 : 1)),
    account: (id) => accounts.get(id),
    accounts: () => [...accounts.values()],
    accountOfKey: (accessKeyId) => accountOfKey.get(accessKeyId),
    mapping: (account, uuid) => mappings.get(`${account}.${uuid}`),
    mappings: () => [...mappings.values()],
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    whenReady,
    problems: () => [
      ...all.flatMap((watch) => watch.problems()),
      ...[...unreadable].map((what) => `the record of ${what} cannot be read`),
    ],
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((watch) => watch[Symbol.asyncDispose]()))
    },
  }
  watchesOf.set(catalogue, watches)
  return catalogue
}

/** The writers. What they store shows at once in `catalogue`, which must come from `openCatalogue`. */
export function openStores(link: NatsLink, catalogue: NatsCatalogue, clock: Clock = systemClock): CatalogueStores {
  const watches = watchesOf.get(catalogue)
  if (!watches) throw new TypeError('not a catalogue of openCatalogue')
  const store = <K extends Kind>(kind: K) => openStore<Kinds[K]>(link, clock, bucketOf[kind], watches[kind])
  return { functions: store('function'), accounts: store('account'), mappings: store('mapping') }
}

function openStore<T>(link: NatsLink, clock: Clock, bucket: string, watch: BucketWatch): Store<T> {
  const write = async (key: string, value: T | undefined, expected: number): Promise<Result<number, 'conflict'>> => {
    const bytes = value === undefined ? undefined : encode(value)
    const written = await writeEntry(link, clock, bucket, key, bytes, expected)
    if (written.ok) watch.apply(key, bytes, written.value)
    return written
  }
  const stored = (value: T, written: Result<number, 'conflict'>): Result<Stored<T>, 'conflict'> =>
    written.ok ? ok({ value, revision: written.value }) : written
  return {
    async read(key) {
      const entry = await readEntry(link, bucket, key)
      return entry?.value && { value: decode<T>(entry.value), revision: entry.revision }
    },
    async create(key, value) {
      const first = await write(key, value, neverWritten)
      if (first.ok) return ok({ value, revision: first.value })
      // A key that was removed keeps its last revision.
      const entry = await readEntry(link, bucket, key)
      if (!entry || entry.value !== undefined) return err('exists')
      const second = stored(value, await write(key, value, entry.revision))
      return second.ok ? second : err('exists')
    },
    async replace(key, value, revision) {
      return stored(value, await write(key, value, revision))
    },
    async remove(key, revision) {
      const removed = await write(key, undefined, revision)
      return removed.ok ? ok(undefined) : removed
    },
  }
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const decode = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T
