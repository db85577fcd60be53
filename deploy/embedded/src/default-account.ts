import { randomBytes } from 'node:crypto'
import { type Account, type AccountId, limits } from '@weft/contracts'
import type { CatalogueStores } from '@weft/registry'

/** The account that a new fabric begins with, and its first access key. Created at the first start. */
export async function ensureDefaultAccount(stores: CatalogueStores, accountId: AccountId): Promise<Account> {
  const existing = await stores.accounts.read(accountId)
  if (existing) return existing.value
  const account: Account = {
    accountId,
    name: 'default',
    concurrencyLimit: limits.accountConcurrency,
    accessKeys: [{ accessKeyId: newAccessKeyId(), secretAccessKey: newSecret(), status: 'Active' }],
  }
  const created = await stores.accounts.create(accountId, account)
  if (created.ok) return account
  const theirs = await stores.accounts.read(accountId)
  if (!theirs) throw new Error(`account ${accountId} was created and removed at the same time`)
  return theirs.value
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `AKIA` and 16 characters, as tools that look for AWS keys expect them. */
export const newAccessKeyId = (): string =>
  `AKIA${[...randomBytes(16)].map((byte) => base32[byte % base32.length]).join('')}`

/** 40 characters of base64. */
export const newSecret = (): string => randomBytes(30).toString('base64')
