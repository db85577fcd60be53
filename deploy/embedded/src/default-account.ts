import { type AccessKey, type Account, type AccountId, limits, newAccessKey } from '@weft/contracts'
import type { CatalogueStores } from '@weft/registry'

export interface DefaultAccount {
  readonly account: Account
  /** One that doors take: whoever may read the data directory has a way in. */
  readonly accessKey: AccessKey
}

/**
 * The account that a new fabric begins with, and a key of it. Created at the first start; gets a new key when all of its own
 * have been deactivated or deleted.
 */
export async function ensureDefaultAccount(
  { accounts }: Pick<CatalogueStores, 'accounts'>,
  accountId: AccountId,
  storageBytes: number,
): Promise<DefaultAccount> {
  for (;;) {
    const stored = await accounts.read(accountId)
    const active = stored?.value.accessKeys.find(({ status }) => status === 'Active')
    if (stored && active) return { account: stored.value, accessKey: active }
    const accessKey = newAccessKey()
    const account: Account = stored
      ? { ...stored.value, accessKeys: [...stored.value.accessKeys, accessKey] }
      : {
          accountId,
          name: 'default',
          concurrencyLimit: limits.accountConcurrency,
          storageBytes,
          accessKeys: [accessKey],
        }
    const written = stored
      ? await accounts.replace(accountId, account, stored.revision)
      : await accounts.create(accountId, account)
    if (written.ok) return { account, accessKey }
  }
}
