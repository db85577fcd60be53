import {
  type Account,
  type AccountId,
  type Alias,
  buckets,
  type EventSourceMapping,
  type FunctionRecord,
  type PublishedVersion,
  parseCatalogueKey,
  type VersionNumbering,
} from '@weft/contracts'
import { type Clock, type Logger, type Sealer, systemClock } from '@weft/platform'
import { type Catalogue, type CatalogueChange, type CatalogueStores, FunctionIndex } from '@weft/registry'
import { type RecordWatch, watchRecords } from './buckets/record-watch.ts'
import { openStore } from './buckets/store.ts'
import type { NatsLink } from './link.ts'

/** The catalogue, kept up to date by watches for as long as it is not disposed. */
export interface NatsCatalogue extends Catalogue, AsyncDisposable {
  /** Resolves when all of it has been read once. */
  readonly whenReady: Promise<void>
  /** Every change of these records up to this revision of the store shows. */
  seenRevision(of?: 'functions' | 'accounts'): number
  /** Called when a `seenRevision` has changed. Returns the unsubscribe. */
  onSeen(listener: () => void): () => void
  /** Disabled ones too, which the catalogue does not show otherwise. For administration. */
  everyAccount(): readonly Account[]
  problems(): readonly string[]
}

type Bucket = 'functions' | 'accounts' | 'mappings'

/** How a store reaches the watches of the catalogue of its process. */
const watchesOf = new WeakMap<Catalogue, Record<Bucket, RecordWatch>>()

export interface CatalogueOptions {
  readonly log: Logger
  readonly clock?: Clock
  /**
   * Opens secrets (environment variables, access keys) and seals them. A process without one sees records without them and
   * can write none that has any.
   */
  readonly sealer?: Sealer
}

/** Opens the catalogue; it is empty until `whenReady` resolves. */
export function openCatalogue(link: NatsLink, options: CatalogueOptions): NatsCatalogue {
  const clock = options.clock ?? systemClock
  const functions = new FunctionIndex()
  const accounts = new Map<AccountId, Account>()
  const accountOfKey = new Map<string, Account>()
  const mappings = new Map<string, EventSourceMapping>()
  /** Disabled accounts are in no other map: what asks for an account finds none. */
  const disabled = new Map<AccountId, Account>()
  const listeners = new Set<(change: CatalogueChange) => void>()
  const seenListeners = new Set<() => void>()
  /** Of functions and of versions as they show. */
  const revisions = new WeakMap<object, number>()

  const put: { readonly [B in Bucket]: (key: string, value: unknown) => CatalogueChange['kind'] | undefined } = {
    functions(key, value) {
      const parsed = parseCatalogueKey(key)
      // Numberings are read from the store; a key of a kind not known here is a newer service's.
      if (!parsed.ok || parsed.value.kind === 'numbering') return undefined
      functions.put(parsed.value, value)
      return parsed.value.kind
    },
    accounts(key, value) {
      const id = key as AccountId
      const record = value as Account | undefined
      for (const accessKey of accounts.get(id)?.accessKeys ?? []) accountOfKey.delete(accessKey.accessKeyId)
      accounts.delete(id)
      disabled.delete(id)
      if (record?.disabled) disabled.set(id, record)
      else if (record) {
        accounts.set(id, record)
        for (const accessKey of record.accessKeys) accountOfKey.set(accessKey.accessKeyId, record)
      }
      return 'account'
    },
    mappings(key, value) {
      if (value === undefined) mappings.delete(key)
      else mappings.set(key, value as EventSourceMapping)
      return 'mapping'
    },
  }
  const follow = (bucket: Bucket): RecordWatch =>
    watchRecords({
      link,
      clock,
      log: options.log,
      bucket: buckets[bucket],
      sealer: options.sealer,
      onSeen() {
        if (bucket !== 'mappings') for (const listener of [...seenListeners]) listener()
      },
      onRecord(key, record, revision) {
        if (bucket === 'functions' && record)
          revisions.set((record as Partial<PublishedVersion>).version ?? record, revision)
        const kind = put[bucket](key, record)
        if (kind === 'account') tellAccount(key as AccountId)
        else if (kind) tell({ kind, key, removed: record === undefined })
      },
    })
  const tell = (change: CatalogueChange): void => {
    for (const listener of [...listeners]) listener(change)
  }
  /** Mappings come and go with their account. */
  const tellAccount = (id: AccountId): void => {
    const removed = !accounts.has(id)
    tell({ kind: 'account', key: id, removed })
    for (const [key, mapping] of mappings) if (mapping.accountId === id) tell({ kind: 'mapping', key, removed })
  }
  const watches = { functions: follow('functions'), accounts: follow('accounts'), mappings: follow('mappings') }
  const all = Object.values(watches)
  const whenReady = Promise.all(all.map((watch) => watch.whenReady)).then(() => {})
  whenReady.catch(() => {})

  const catalogue: NatsCatalogue = {
    function: (account, name) => functions.function(account, name),
    functions: (account) => functions.functions(account),
    version: (account, name, version) => functions.version(account, name, version),
    versions: (account, name) => functions.versions(account, name),
    alias: (account, name, alias) => functions.alias(account, name, alias),
    aliases: (account, name) => functions.aliases(account, name),
    functionOfUrl: (urlId) => functions.functionOfUrl(urlId),
    leftovers: (account, name) => functions.leftovers(account, name),
    codeInUse: () => functions.codeInUse(),
    revisionOf: (one) => revisions.get(one),
    seenRevision: (of = 'functions') => watches[of].seen(),
    onSeen(listener) {
      seenListeners.add(listener)
      return () => seenListeners.delete(listener)
    },
    account: (id) => accounts.get(id),
    accounts: () => [...accounts.values()],
    accountOfKey: (accessKeyId) => accountOfKey.get(accessKeyId),
    everyAccount: () => [...accounts.values(), ...disabled.values()],
    mapping: (account, uuid) => (disabled.has(account) ? undefined : mappings.get(`${account}.${uuid}`)),
    mappings: () => [...mappings.values()].filter(({ accountId }) => !disabled.has(accountId)),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    whenReady,
    problems: () => all.flatMap((watch) => watch.problems()),
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
  const store = <T>(bucket: Bucket) => openStore<T>(link, clock, buckets[bucket], watches[bucket])
  return {
    functions: store<FunctionRecord>('functions'),
    versions: store<PublishedVersion>('functions'),
    aliases: store<Alias>('functions'),
    numberings: store<VersionNumbering>('functions'),
    accounts: store<Account>('accounts'),
    mappings: store<EventSourceMapping>('mappings'),
  }
}
