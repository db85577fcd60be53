import { createHash } from 'node:crypto'
import {
  type Account,
  type AccountId,
  type Alias,
  type EventSourceMapping,
  err,
  type FunctionName,
  type FunctionRecord,
  type FunctionVersion,
  ok,
  type PublishedVersion,
  parseCatalogueKey,
  type Result,
  type VersionNumbering,
} from '@weft/contracts'
import { FunctionIndex } from '../function-index.ts'
import type {
  Catalogue,
  CatalogueChange,
  CatalogueStores,
  CodeStore,
  Collection,
  Leftover,
  PutProblem,
  Store,
  Stored,
  UrlOwner,
} from '../ports.ts'

/** A store in memory with the promises of a real one, and a hook to come between a read and a write. */
export class MemoryStore<T> implements Store<T> {
  readonly entries = new Map<string, Stored<T>>()
  #revision = 0
  readonly #changed: (key: string, removed: boolean) => void
  /** Awaited before every write; a test can write first, or throw for a store that is away. */
  beforeWrite: (key: string) => Promise<void> = () => Promise.resolve()

  constructor(changed: (key: string, removed: boolean) => void = () => undefined) {
    this.#changed = changed
  }

  read(key: string): Promise<Stored<T> | undefined> {
    return Promise.resolve(this.entries.get(key))
  }

  async create(key: string, value: T): Promise<Result<Stored<T>, 'exists'>> {
    await this.beforeWrite(key)
    return this.entries.has(key) ? err('exists') : ok(this.put(key, value))
  }

  async replace(key: string, value: T, revision: number): Promise<Result<Stored<T>, 'conflict'>> {
    await this.beforeWrite(key)
    return this.entries.get(key)?.revision === revision ? ok(this.put(key, value)) : err('conflict')
  }

  async remove(key: string, revision: number): Promise<Result<void, 'conflict'>> {
    await this.beforeWrite(key)
    if (this.entries.get(key)?.revision !== revision) return err('conflict')
    this.entries.delete(key)
    this.#changed(key, true)
    return ok(undefined)
  }

  put(key: string, value: T): Stored<T> {
    const stored = { value, revision: ++this.#revision }
    this.entries.set(key, stored)
    this.#changed(key, false)
    return stored
  }
}

/** A collection whose readers see every write at once. */
export class MemoryCollection<T> implements Collection<T> {
  readonly store = new MemoryStore<T>()

  get(key: string): T | undefined {
    return this.store.entries.get(key)?.value
  }

  list(prefix: string): readonly T[] {
    return [...this.store.entries]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { value }]) => value)
  }
}

/** Stores and the catalogue that reads them, for tests. */
export class MemoryCatalogue implements Catalogue {
  readonly #listeners = new Set<(change: CatalogueChange) => void>()
  readonly #tell = (kind: CatalogueChange['kind']) => (key: string, removed: boolean) => {
    for (const listener of this.#listeners) listener({ kind, key, removed })
  }
  readonly functionStore = new MemoryStore<FunctionRecord>(this.#tell('function'))
  readonly versionStore = new MemoryStore<PublishedVersion>(this.#tell('version'))
  readonly aliasStore = new MemoryStore<Alias>(this.#tell('alias'))
  readonly numberingStore = new MemoryStore<VersionNumbering>()
  readonly accountStore = new MemoryStore<Account>(this.#tell('account'))
  readonly mappingStore = new MemoryStore<EventSourceMapping>(this.#tell('mapping'))
  readonly stores: CatalogueStores = {
    functions: this.functionStore,
    versions: this.versionStore,
    aliases: this.aliasStore,
    numberings: this.numberingStore,
    accounts: this.accountStore,
    mappings: this.mappingStore,
  }

  /** Made anew at every look, so that a test may change the stores as it likes. */
  #index(): FunctionIndex {
    const index = new FunctionIndex()
    for (const store of [this.functionStore, this.versionStore, this.aliasStore])
      for (const [key, stored] of store.entries) {
        const parsed = parseCatalogueKey(key)
        if (parsed.ok) index.put(parsed.value, stored.value)
      }
    return index
  }

  function(account: AccountId, name: FunctionName): FunctionRecord | undefined {
    return this.functionStore.entries.get(`${account}.${name}`)?.value
  }

  functions(account: AccountId): readonly FunctionRecord[] {
    return this.#index().functions(account)
  }

  version(account: AccountId, name: FunctionName, version: string): FunctionVersion | undefined {
    return this.#index().version(account, name, version)
  }

  versions(account: AccountId, name: FunctionName): readonly FunctionVersion[] {
    return this.#index().versions(account, name)
  }

  alias(account: AccountId, name: FunctionName, alias: string): Alias | undefined {
    return this.#index().alias(account, name, alias)
  }

  aliases(account: AccountId, name: FunctionName): readonly Alias[] {
    return this.#index().aliases(account, name)
  }

  functionOfUrl(urlId: string): UrlOwner | undefined {
    return this.#index().functionOfUrl(urlId)
  }

  leftovers(account: AccountId, name: FunctionName): readonly Leftover[] {
    return this.#index().leftovers(account, name)
  }

  codeInUse(): ReadonlySet<string> {
    return this.#index().codeInUse()
  }

  revisionOf(one: FunctionRecord | FunctionVersion): number | undefined {
    const entries = [...this.functionStore.entries.values(), ...this.versionStore.entries.values()]
    return entries.find(({ value }) => value === one || ('version' in value && value.version === one))?.revision
  }

  account(id: AccountId): Account | undefined {
    const account = this.accountStore.entries.get(id)?.value
    return account?.disabled ? undefined : account
  }

  accounts(): readonly Account[] {
    return [...this.accountStore.entries.values()].map((stored) => stored.value).filter((one) => !one.disabled)
  }

  accountOfKey(accessKeyId: string): Account | undefined {
    return this.accounts().find((account) => account.accessKeys.some((key) => key.accessKeyId === accessKeyId))
  }

  mapping(account: AccountId, uuid: string): EventSourceMapping | undefined {
    return this.mappingStore.entries.get(`${account}.${uuid}`)?.value
  }

  mappings(): readonly EventSourceMapping[] {
    return [...this.mappingStore.entries.values()].map((stored) => stored.value)
  }

  onChange(listener: (change: CatalogueChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export class MemoryCodeStore implements CodeStore {
  readonly packages = new Map<string, Uint8Array>()

  put(zip: Uint8Array): Promise<void> {
    this.packages.set(createHash('sha256').update(zip).digest('hex'), zip)
    return Promise.resolve()
  }

  get(digest: string): Promise<Uint8Array> {
    const zip = this.packages.get(digest)
    return zip ? Promise.resolve(zip) : Promise.reject(new Error(`no package ${digest}`))
  }

  async putStream(
    digest: string,
    sizeBytes: number,
    source: AsyncIterable<Uint8Array>,
  ): Promise<Result<void, PutProblem>> {
    if (this.packages.has(digest)) return ok(undefined)
    const parts: Uint8Array[] = []
    for await (const part of source) parts.push(part)
    const bytes = Buffer.concat(parts)
    const isIt = bytes.length === sizeBytes && createHash('sha256').update(bytes).digest('hex') === digest
    if (!isIt) return err('different')
    this.packages.set(digest, bytes)
    return ok(undefined)
  }

  async *getStream(digest: string): AsyncGenerator<Uint8Array> {
    yield await this.get(digest)
  }
}
