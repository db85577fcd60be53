import { type AccountId, type FunctionName, type FunctionRecord, provisionedKey } from '@weft/contracts'
import type { ProvisionedCounts, ProvisionedTarget } from '@weft/placement'
import type { Clock, Logger, Timer } from '@weft/platform'
import type { Catalogue, ProvisionedBook } from '@weft/registry'
import { mergedTargets, type QualifierTargets, qualifierTargets, statusOf } from './provisioned-targets.ts'

export interface KeeperParts {
  readonly catalogue: Catalogue
  readonly book: ProvisionedBook
  readonly region: string
  readonly epoch: number
  readonly clock: Clock
  readonly log: Logger
  readonly wanted: (account: AccountId, name: FunctionName, targets: readonly ProvisionedTarget[]) => void
  readonly counts: (account: AccountId, name: FunctionName) => readonly ProvisionedCounts[]
}

/** How often it looks whether figures have changed, ms. */
const lookMs = 250

/** What the functions of one lead want ready: read from the catalogue, handed to the lead, told in the book. */
export class ProvisionedKeeper {
  readonly #parts: KeeperParts
  readonly #functions = new Map<string, { readonly record: FunctionRecord; readonly wanted: QualifierTargets[] }>()
  /** By key: what the book says. */
  readonly #told = new Map<string, string>()
  /** Keys whose settings are no more. */
  readonly #forgotten = new Set<string>()
  #timer: Timer | undefined
  #telling = false
  #stopped = false

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  /** The function, one of its versions or one of its aliases has changed. */
  changed(account: AccountId, name: FunctionName): void {
    const { catalogue, region, wanted } = this.#parts
    const record = catalogue.function(account, name)
    const targets = record ? qualifierTargets(catalogue, record, region) : []
    const key = `${account}.${name}`
    if (targets.length === 0 && !this.#functions.has(key)) return
    const kept = new Set(targets.map(({ qualifier }) => qualifier))
    for (const { qualifier } of this.#functions.get(key)?.wanted ?? [])
      if (!kept.has(qualifier)) this.#forget(provisionedKey(account, name, qualifier))
    if (record && targets.length > 0) this.#functions.set(key, { record, wanted: targets })
    else this.#functions.delete(key)
    wanted(account, name, mergedTargets(targets))
    this.#lookSoon()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #forget(key: string): void {
    this.#told.delete(key)
    this.#forgotten.add(key)
  }

  #lookSoon(): void {
    if (this.#stopped || this.#timer || this.#functions.size + this.#forgotten.size === 0) return
    this.#timer = this.#parts.clock.schedule(lookMs, () => {
      this.#timer = undefined
      void this.#tell()
      this.#lookSoon()
    })
  }

  async #tell(): Promise<void> {
    // A slow store is not asked for more at once; what changes meanwhile is told by the next look.
    if (this.#telling) return
    this.#telling = true
    const { book, counts, epoch, log } = this.#parts
    try {
      for (const key of this.#forgotten) {
        await book.forget(key)
        this.#forgotten.delete(key)
      }
      for (const { record, wanted } of [...this.#functions.values()]) {
        const is = counts(record.accountId, record.functionName)
        for (const one of wanted) {
          const key = provisionedKey(record.accountId, record.functionName, one.qualifier)
          const status = { ...statusOf(one, is), lastModifiedMs: one.lastModifiedMs }
          const text = JSON.stringify(status)
          if (this.#stopped || this.#told.get(key) === text) continue
          await book.tell(key, status, epoch)
          this.#told.set(key, text)
        }
      }
    } catch (error) {
      log.warn({ err: error }, 'the state of provisioned environments could not be told')
    } finally {
      this.#telling = false
    }
  }
}
