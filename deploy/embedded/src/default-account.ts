import { type Account, type AccountId, limits, newAccessKey } from '@weft/contracts'
import type { CatalogueStores } from '@weft/registry'

/** The account that a new fabric begins with, and its first access key. Created at the first start. */
export async function ensureDefaultAccount(
  stores: Pick<CatalogueStores, 'accounts'>,
  accountId: AccountId,
  storageBytes: number,
): Promise<Account> {
  const existing = await stores.accounts.read(accountId)
  if (existing) return existing.value
  const account: Account = {
    accountId,
    name: 'default',
    concurrencyLimit: limits.accountConcurrency,
    storageBytes,
    accessKeys: [newAccessKey()],
  }
  const created = await stores.accounts.create(accountId, account)
  if (created.ok) return account
  const theirs = await stores.accounts.read(accountId)
  if (!theirs) throw new Error(`account ${accountId} was created and removed at the same time`)
  return theirs.value
}
