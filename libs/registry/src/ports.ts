import type {
  Account,
  AccountId,
  Alias,
  CatalogueKey,
  EventSourceMapping,
  FunctionName,
  FunctionRecord,
  FunctionVersion,
  ProvisionedStatus,
  PublishedVersion,
  Result,
  VersionNumbering,
} from '@weft/contracts'

export interface CatalogueChange {
  readonly kind: 'function' | 'version' | 'alias' | 'account' | 'mapping'
  /** The record's key: one of `catalogueKeys`, `<account>` or `<account>.<uuid>`. */
  readonly key: string
  readonly removed: boolean
}

/**
 * The catalogue as this process last saw it: in memory, fed by a watch, so that a lookup on the invoke path costs no
 * I/O. A change made elsewhere shows within a second; a change made through a Store shows after `Store` settled.
 */
export interface Catalogue {
  function(account: AccountId, name: FunctionName): FunctionRecord | undefined
  /** In order of name. */
  functions(account: AccountId): readonly FunctionRecord[]
  /** A published version, by its number; those of a deleted function of the same name are not seen, as with all below. */
  version(account: AccountId, name: FunctionName, version: string): FunctionVersion | undefined
  /** Published versions in order of number. */
  versions(account: AccountId, name: FunctionName): readonly FunctionVersion[]
  alias(account: AccountId, name: FunctionName, alias: string): Alias | undefined
  /** In order of name. */
  aliases(account: AccountId, name: FunctionName): readonly Alias[]
  /** The function, and the `$LATEST` or alias of it, that a function URL belongs to. */
  functionOfUrl(urlId: string): UrlOwner | undefined
  /** All versions and aliases under the name, also those left of a deleted function, and whose they are. */
  leftovers(account: AccountId, name: FunctionName): readonly Leftover[]
  /** The store's revision that a function or version of this catalogue was read at; undefined for any other. */
  revisionOf(one: FunctionRecord | FunctionVersion): number | undefined
  /** A disabled account is not in the catalogue, nor are its mappings and keys: so no door finds it. */
  account(id: AccountId): Account | undefined
  accounts(): readonly Account[]
  /** The account that an access key belongs to. */
  accountOfKey(accessKeyId: string): Account | undefined
  mapping(account: AccountId, uuid: string): EventSourceMapping | undefined
  mappings(): readonly EventSourceMapping[]
  /** Digests of all packages that a function or version of any account runs with, its layers' too. */
  codeInUse(): ReadonlySet<string>
  /** Returns the unsubscribe. */
  onChange(listener: (change: CatalogueChange) => void): () => void
}

export interface UrlOwner {
  readonly record: FunctionRecord
  readonly qualifier: string
}

export interface Leftover {
  readonly key: CatalogueKey
  readonly functionId: string | undefined
}

export interface Stored<T> {
  readonly value: T
  /** The store's own revision, for compare-and-set; not AWS's RevisionId. */
  readonly revision: number
}

/**
 * One kind of record in the store, with compare-and-set. Only the owner of the records is given one. A call that
 * resolves with ok has been stored durably and is visible in this process's Catalogue. Rejects when the store is
 * unreachable.
 */
export interface Store<T> {
  read(key: string): Promise<Stored<T> | undefined>
  create(key: string, value: T): Promise<Result<Stored<T>, 'exists'>>
  replace(key: string, value: T, revision: number): Promise<Result<Stored<T>, 'conflict'>>
  remove(key: string, revision: number): Promise<Result<void, 'conflict'>>
}

export interface CatalogueStores {
  readonly functions: Store<FunctionRecord>
  readonly versions: Store<PublishedVersion>
  readonly aliases: Store<Alias>
  readonly numberings: Store<VersionNumbering>
  readonly accounts: Store<Account>
  readonly mappings: Store<EventSourceMapping>
}

/**
 * Records of an account that belong to no function, in a bucket of their own. Looked up in memory, fed by a watch like
 * the catalogue; written by compare-and-set.
 */
export interface Collection<T> {
  readonly store: Store<T>
  /** As last seen. */
  get(key: string): T | undefined
  /** As last seen: all whose key begins so, in order of key. */
  list(prefix: string): readonly T[]
}

/** What placement tells of provisioned environments. Rejects when the store is unreachable. */
export interface ProvisionedStates {
  /** Undefined before placement has told anything of the settings that were last modified then. */
  status(
    account: AccountId,
    name: FunctionName,
    qualifier: string,
    lastModifiedMs: number,
  ): Promise<ProvisionedStatus | undefined>
}

/** Where placement tells of provisioned environments. */
export interface ProvisionedBook {
  /** Keeps what a later epoch has told. Rejects when the store is unreachable. */
  tell(key: string, status: ProvisionedStatus & { readonly lastModifiedMs: number }, epoch: number): Promise<void>
  /** There are no such settings any more. */
  forget(key: string): Promise<void>
}

/** A source gave other bytes than were announced, or the store has no room for them. */
export type PutProblem = 'different' | 'full'

/**
 * Packages and layers of images by content. What is read is verified: reading rejects if the bytes differ from the digest
 * or are missing.
 */
export interface CodeStore {
  /** Idempotent. A package that is there already counts as stored anew, so that it is not cleared up. */
  put(zip: Uint8Array): Promise<void>
  get(digest: string): Promise<Uint8Array>
  /**
   * The same for what need not fit into memory. Nothing has the name until all of it is stored and found to be of that
   * digest and size; the source is not begun when it is there already. Rejects when the source does.
   */
  putStream(digest: string, sizeBytes: number, source: AsyncIterable<Uint8Array>): Promise<Result<void, PutProblem>>
  /** May be read once. Throws after the last byte when the whole is damaged, so nothing may be believed before that. */
  getStream(digest: string): AsyncIterable<Uint8Array>
}

export interface StoredPackage {
  readonly digest: string
  readonly storedAtMs: number
  /** Another after every `put`. */
  readonly revision: number
}

/** The packages that are stored, for who clears up. */
export interface CodeInventory {
  list(): Promise<readonly StoredPackage[]>
  /** Removes the package unless it was put after it was listed. */
  remove(digest: string, revision: number): Promise<Result<void, 'conflict'>>
  /** Removes what writers left half-done that have written nothing since then; resolves to how many there were. */
  removeUnfinished(beforeMs: number): Promise<number>
}
