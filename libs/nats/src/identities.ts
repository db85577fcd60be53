import { buckets } from '@weft/contracts'
import type { Clock, Logger, Sealer } from '@weft/platform'
import { type IdentityDirectory, IdentityIndex, type IdentityRecord, type IdentityStore } from '@weft/policy'
import { openCollection } from './buckets/collection.ts'
import type { NatsLink } from './link.ts'

export interface IdentitiesOptions {
  readonly log: Logger
  readonly clock?: Clock
  /** Opens and seals the secrets of access keys. */
  readonly sealer?: Sealer
}

/** Identities, kept up to date by a watch for as long as they are not disposed. */
export class NatsIdentities extends IdentityIndex implements IdentityDirectory, AsyncDisposable {
  readonly store: IdentityStore
  /** Resolves when all of them have been read once. */
  readonly whenReady: Promise<void>
  readonly problems: () => readonly string[]
  readonly #close: () => PromiseLike<void>

  constructor(link: NatsLink, options: IdentitiesOptions) {
    super()
    const records = openCollection<IdentityRecord>(link, buckets.identities, {
      ...options,
      onRecord: (key, record) => this.put(key, record),
    })
    this.store = records.store
    this.whenReady = records.whenReady
    this.problems = () => records.problems()
    this.#close = () => records[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

/** Opens the identities of all accounts; there are none until `whenReady` resolves. */
export const openIdentities = (link: NatsLink, options: IdentitiesOptions): NatsIdentities =>
  new NatsIdentities(link, options)
