import {
  type Account,
  type AccountId,
  type AwsError,
  isAccountId,
  newAccessKey,
  ok,
  type Result,
} from '@weft/contracts'
import type { AccountBus } from '@weft/nats'
import type { Clock, Logger } from '@weft/platform'
import {
  type AccountLimits,
  type AccountShares,
  accountNotFound,
  addAccessKey,
  checkDeletion,
  conflict,
  createAccount,
  disableAccount,
  enableAccount,
  removeAccessKey,
  type Store,
  setAccessKeyStatus,
  setAccountLimits,
} from '@weft/registry'

export interface AccountsDeps {
  readonly store: Store<Account>
  /** All accounts, disabled ones too. */
  readonly list: () => readonly Account[]
  readonly bus: AccountBus
  /** Resolves when the doors know of the change of that revision, or when it is not worth waiting any longer. */
  readonly doorsKnow: (revision: number) => Promise<void>
  readonly shares: AccountShares
  readonly clock: Clock
  readonly log: Logger
  /** Twelve digits, drawn at random. */
  readonly drawId: () => string
}

export interface CreatedAccount {
  readonly account: Account
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly natsCreds: string
}

/**
 * What an administrator does with accounts. The catalogue's record says what shall be; the bus follows it. One thing is
 * done at a time, because accounts share one disk.
 */
export class Accounts {
  readonly #deps: AccountsDeps
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: AccountsDeps) {
    this.#deps = deps
  }

  /** In order of id. */
  list(): readonly Account[] {
    return [...this.#deps.list()].sort((a, b) => (a.accountId < b.accountId ? -1 : 1))
  }

  get(id: string): Result<Account, AwsError> {
    const account = this.#deps.list().find((one) => one.accountId === id)
    return account ? ok(account) : accountNotFound(id)
  }

  /** The bus first: an account that a door finds can be used. What a failure leaves half made is taken away again. */
  create(input: { name: string; accountId: string; limits: AccountLimits }): Promise<Result<CreatedAccount, AwsError>> {
    return this.#inTurn(async () => {
      const { store, bus, shares, clock, log } = this.#deps
      const key = newAccessKey()
      const accountId = input.accountId || this.#freeId()
      const made = createAccount(this.#deps.list(), { ...input, accountId }, shares, key, clock.now())
      if (!made.ok) return made
      const account = made.value
      const id = account.accountId
      const undo = (): Promise<void> =>
        bus.erase(id).catch((error: unknown) => log.error({ err: error, account: id }, 'a half-made account is left'))
      try {
        if (bus.known().includes(id)) await bus.erase(id)
        await bus.settle(account)
        await bus.prove(id)
      } catch (error) {
        await undo()
        throw error
      }
      const stored = await store.create(id, account)
      if (!stored.ok) return conflict(`Account already exists: ${id}`)
      await this.#deps.doorsKnow(stored.value.revision)
      log.info({ account: id, name: account.name }, 'account created')
      const { accessKeyId, secretAccessKey } = key
      return ok({ account, accessKeyId, secretAccessKey, natsCreds: await bus.clientCreds(id) })
    })
  }

  setLimits(id: string, wanted: AccountLimits): Promise<Result<Account, AwsError>> {
    return this.#change(id, (account) => setAccountLimits(this.#deps.list(), account, wanted, this.#deps.shares))
  }

  disable(id: string): Promise<Result<Account, AwsError>> {
    return this.#change(id, (account) => ok(disableAccount(account)))
  }

  enable(id: string): Promise<Result<Account, AwsError>> {
    return this.#change(id, (account) => ok(enableAccount(account)))
  }

  /** Removes a disabled account with all it has; the id is free again. */
  delete(id: string): Promise<Result<void, AwsError>> {
    return this.#inTurn(async () => {
      const stored = await this.#read(id)
      if (!stored) return accountNotFound(id)
      const allowed = checkDeletion(stored.value)
      if (!allowed.ok) return allowed
      await this.#deps.bus.erase(stored.value.accountId)
      this.#deps.log.info({ account: id }, 'account deleted')
      return ok(undefined)
    })
  }

  async createKey(id: string): Promise<Result<{ accessKeyId: string; secretAccessKey: string }, AwsError>> {
    const key = newAccessKey()
    const changed = await this.#change(id, (account) => addAccessKey(account, key))
    return changed.ok ? ok(key) : changed
  }

  setKeyStatus(id: string, accessKeyId: string, status: string): Promise<Result<Account, AwsError>> {
    return this.#change(id, (account) => setAccessKeyStatus(account, accessKeyId, status))
  }

  deleteKey(id: string, accessKeyId: string): Promise<Result<Account, AwsError>> {
    return this.#change(id, (account) => removeAccessKey(account, accessKeyId))
  }

  async creds(id: string): Promise<Result<string, AwsError>> {
    const account = this.get(id)
    return account.ok ? ok(await this.#deps.bus.clientCreds(account.value.accountId)) : account
  }

  /** Makes the bus agree with the catalogue, also after a crash half way through something. Rejects when it cannot. */
  reconcile(): Promise<void> {
    return this.#inTurn(async () => {
      const { bus } = this.#deps
      const accounts = this.#deps.list()
      for (const account of accounts) await bus.settle(account)
      const known = new Set<AccountId>(accounts.map(({ accountId }) => accountId))
      // What a half-done creation or deletion left is shut, not erased: a catalogue that lost its records must not take
      // the streams of its accounts along. A new account of that id begins by erasing it.
      for (const left of bus.known()) if (!known.has(left)) await bus.close(left)
    })
  }

  /** The record first: from then on no door lets the account in; the bus follows. */
  #change(id: string, rule: (account: Account) => Result<Account, AwsError>): Promise<Result<Account, AwsError>> {
    return this.#inTurn(async () => {
      for (;;) {
        const stored = await this.#read(id)
        if (!stored) return accountNotFound(id)
        const changed = rule(stored.value)
        if (!changed.ok) return changed
        const replaced = await this.#deps.store.replace(id, changed.value, stored.revision)
        if (!replaced.ok) continue
        if (this.#concernsBus(stored.value, changed.value)) await this.#deps.bus.settle(changed.value)
        await this.#deps.doorsKnow(replaced.value.revision)
        return changed
      }
    })
  }

  #concernsBus(before: Account, after: Account): boolean {
    return before.storageBytes !== after.storageBytes || before.disabled !== after.disabled
  }

  async #read(id: string): ReturnType<Store<Account>['read']> {
    return isAccountId(id) ? this.#deps.store.read(id) : undefined
  }

  #freeId(): string {
    const taken = new Set<string>(this.#deps.list().map(({ accountId }) => accountId))
    for (;;) {
      const id = this.#deps.drawId()
      if (!taken.has(id)) return id
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }
}
