import { ConcurrencyLedger, type ConcurrencySettings } from '@weft/admission'
import { accountId as asAccountId, limits } from '@weft/contracts'
import type { Catalogue } from '@weft/registry'

/** The concurrency ledgers of one lead: counts start at zero with it, limits come from the catalogue. */
export class Ledgers {
  readonly #catalogue: Catalogue
  readonly #ledgers = new Map<string, ConcurrencyLedger>()

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  of(accountId: string): ConcurrencyLedger {
    let ledger = this.#ledgers.get(accountId)
    if (!ledger) {
      ledger = new ConcurrencyLedger(this.#settings(accountId))
      this.#ledgers.set(accountId, ledger)
    }
    return ledger
  }

  /** Reads an account's limits again. False when the account has no ledger yet. */
  refresh(accountId: string): boolean {
    const ledger = this.#ledgers.get(accountId)
    // What is initialised is known to the lead, not to the catalogue.
    ledger?.configure({ ...this.#settings(accountId), provisioned: ledger.provisioned })
    return ledger !== undefined
  }

  forgetIdle(now: number): void {
    for (const ledger of this.#ledgers.values()) ledger.forgetIdle(now)
  }

  #settings(id: string): ConcurrencySettings {
    const account = asAccountId(id)
    const reserved = new Map<string, number>()
    for (const { functionName, reservedConcurrency } of this.#catalogue.functions(account))
      if (reservedConcurrency !== undefined) reserved.set(functionName, reservedConcurrency)
    const { concurrencyLimit: accountLimit = limits.accountConcurrency, requestsPerEnvironment } =
      this.#catalogue.account(account) ?? {}
    return { accountLimit, reserved, provisioned: [], requestsPerEnvironment }
  }
}
