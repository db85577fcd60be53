import { randomUUID } from 'node:crypto'
import { catalogueKeys, type FunctionRecord } from '@weft/contracts'
import { type Clock, delay, type Logger } from '@weft/platform'
import {
  type CatalogueStores,
  claimImport,
  endImport,
  endVersionImport,
  type ImportFailure,
  importClaimMs,
  publicationOf,
  releaseImport,
} from '@weft/registry'
import { exhausted } from './import-failure.ts'

export interface ImportClaimsDeps {
  readonly stores: Pick<CatalogueStores, 'functions' | 'versions'>
  readonly clock: Clock
  readonly log: Logger
}

const writeTries = 10

/** The claims of this process on images that functions wait for, as they stand in the functions' records. */
export class ImportClaims {
  readonly #deps: ImportClaimsDeps
  readonly #self = randomUUID()

  constructor(deps: ImportClaimsDeps) {
    this.#deps = deps
  }

  /** Whether another has it, as far as the given record tells; it is decided in the store. */
  isHeld({ imageImport }: FunctionRecord): boolean {
    const claim = imageImport?.claim
    return claim !== undefined && claim.by !== this.#self && claim.untilMs > this.#deps.clock.now()
  }

  /** The record that is claimed now. `none`: there is nothing to bring; `taken`: another has it. */
  async claim(key: string): Promise<FunctionRecord | 'none' | 'taken'> {
    const { functions } = this.#deps.stores
    const stored = await functions.read(key)
    const claimed = claimImport(stored?.value, this.#self, this.#deps.clock.now())
    if (stored && claimed.ok) {
      const replaced = await functions.replace(key, claimed.value, stored.revision)
      return replaced.ok ? claimed.value : 'taken'
    }
    if (!claimed.ok && claimed.error === 'exhausted') {
      await this.end(key, exhausted)
      return 'none'
    }
    return !claimed.ok && claimed.error === 'claimed' ? 'taken' : 'none'
  }

  /** Renews a claim until it is over. `lost` is called when another has it, or the function is gone. */
  async renew(key: string, over: AbortSignal, lost: () => void): Promise<void> {
    const { clock, log, stores } = this.#deps
    for (;;) {
      await delay(clock, importClaimMs / 3, over)
      if (over.aborted) return
      try {
        const stored = await stores.functions.read(key)
        const claimed = claimImport(stored?.value, this.#self, clock.now())
        if (!claimed.ok || stored?.value.imageImport?.claim?.by !== this.#self) return lost()
        // Another's change of the record in between is no loss of the claim: the next renewal is in time.
        await stores.functions.replace(key, claimed.value, stored.revision)
      } catch (error) {
        log.warn({ err: error, key }, 'the claim on an image could not be renewed')
      }
    }
  }

  /** Lets another begin at once; where that cannot be written, the claim lapses. */
  async release(key: string): Promise<void> {
    const { log, stores } = this.#deps
    try {
      const stored = await stores.functions.read(key)
      const released = releaseImport(stored?.value, this.#self)
      if (stored && released) await stores.functions.replace(key, released, stored.revision)
    } catch (error) {
      log.warn({ err: error, key }, 'the claim on an image could not be given back')
    }
  }

  /** Tells in the records how it went: of the version that waits first, so that it is done when its function is. */
  async end(key: string, failure: ImportFailure | undefined): Promise<void> {
    const { functions } = this.#deps.stores
    for (let left = writeTries; left > 0; left--) {
      const stored = await functions.read(key)
      // Another may hold it by now, or the function may be a new one of the same name.
      if (!stored || !this.#mayEnd(stored.value, failure)) return
      await this.#endVersion(stored.value, failure)
      if ((await functions.replace(key, endImport(stored.value, failure), stored.revision)).ok) return
    }
    throw new Error(`the record of ${key} keeps being changed`)
  }

  #mayEnd(record: FunctionRecord, failure: ImportFailure | undefined): boolean {
    if (failure !== exhausted) return record.imageImport?.claim?.by === this.#self
    const claimed = claimImport(record, this.#self, this.#deps.clock.now())
    return !claimed.ok && claimed.error === 'exhausted'
  }

  async #endVersion(record: FunctionRecord, failure: ImportFailure | undefined): Promise<void> {
    const published = publicationOf(record)
    if (!published) return
    const { versions } = this.#deps.stores
    const key = catalogueKeys.version(record.accountId, record.functionName, published.version.version)
    const ended = { ...published, version: endVersionImport(published.version, failure) }
    // Whoever asked for it may not have stored it yet, or may have died before.
    if ((await versions.create(key, ended)).ok) return
    const stored = await versions.read(key)
    if (stored?.value.version.state !== 'Pending') return
    const replaced = await versions.replace(key, ended, stored.revision)
    if (!replaced.ok) throw new Error(`version ${key} is being changed`)
  }
}
