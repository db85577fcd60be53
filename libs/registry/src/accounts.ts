import {
  type AccessKey,
  type Account,
  type AccountId,
  type AwsError,
  awsError,
  err,
  isAccountId,
  isIsolationClass,
  isolationClasses,
  limits,
  ok,
  type Result,
} from '@weft/contracts'
import { conflict, invalidParameter, notFound } from './errors.ts'

/** What an administrator may set; absent ones stay, or at creation are the fabric's defaults. */
export interface AccountLimits {
  readonly concurrency?: number | undefined
  /** 0: none. */
  readonly requestsPerEnvironment?: number | undefined
  readonly storageBytes?: number | undefined
  /** "": none is asked for. */
  readonly isolation?: string | undefined
  readonly codeStorageBytes?: number | undefined
  /** 0: no limit of its own. */
  readonly bucketStorageBytes?: number | undefined
}

/** What accounts may share, and how much of it new ones get. */
export interface AccountShares {
  /** Bytes of disk that the stores of all accounts together may fill, their events included. */
  readonly poolBytes: number
  /** Storage of a new account, bytes. */
  readonly newAccountBytes: number
  /** Of an account that was made before accounts had limits of their own. */
  readonly firstAccountBytes: number
}

/** Below this, a stream of an account's own holds next to nothing. */
export const leastAccountBytes = 4 * 1024 * 1024
const mostConcurrency = 1_000_000

/** Storage of an account's own streams, bytes. */
export const storageOf = (account: Account, shares: AccountShares): number =>
  account.storageBytes ?? shares.firstAccountBytes

/** What its accepted events may fill beside, bytes. */
export const eventBytesOf = (storageBytes: number): number => Math.floor(storageBytes / 2)

/** A new account with its first key. Errors: InvalidParameterValue, ResourceConflict (the id is taken). */
export function createAccount(
  others: readonly Account[],
  input: { readonly accountId: string; readonly name: string; readonly limits: AccountLimits },
  shares: AccountShares,
  key: AccessKey,
  nowMs: number,
): Result<Account, AwsError> {
  const { accountId, name } = input
  if (!isAccountId(accountId)) return invalidParameter('An account id is twelve digits.')
  if (!/^[\w .-]{1,64}$/.test(name)) return invalidParameter('A name is 1 to 64 letters, digits, spaces and ._-')
  if (others.some((one) => one.accountId === accountId)) return conflict(`Account already exists: ${accountId}`)
  const account: Account = {
    accountId,
    name,
    concurrencyLimit: limits.accountConcurrency,
    storageBytes: shares.newAccountBytes,
    createdAtMs: nowMs,
    accessKeys: [key],
  }
  return setAccountLimits(others, account, input.limits, shares)
}

/** Errors: InvalidParameterValue, also when the accounts would together have more disk than there is. */
export function setAccountLimits(
  all: readonly Account[],
  account: Account,
  wanted: AccountLimits,
  shares: AccountShares,
): Result<Account, AwsError> {
  const { concurrency, requestsPerEnvironment, storageBytes, codeStorageBytes, bucketStorageBytes, isolation } = wanted
  if (concurrency !== undefined && !within(concurrency, 0, mostConcurrency))
    return invalidParameter(`The concurrency limit is a whole number from 0 to ${mostConcurrency}.`)
  if (requestsPerEnvironment !== undefined && !within(requestsPerEnvironment, 0, mostConcurrency))
    return invalidParameter(`Requests per environment are a whole number from 0 to ${mostConcurrency}.`)
  if (storageBytes !== undefined && !within(storageBytes, leastAccountBytes, Number.MAX_SAFE_INTEGER))
    return invalidParameter(`The storage of an account is at least ${leastAccountBytes} bytes.`)
  if (codeStorageBytes !== undefined && !within(codeStorageBytes, 0, Number.MAX_SAFE_INTEGER))
    return invalidParameter('The code storage is a whole number of bytes.')
  if (bucketStorageBytes !== undefined && !within(bucketStorageBytes, 0, Number.MAX_SAFE_INTEGER))
    return invalidParameter('The storage of buckets is a whole number of bytes.')
  if (isolation !== undefined && isolation !== '' && !isIsolationClass(isolation))
    return invalidParameter(`The isolation of an account is one of: ${isolationClasses.join(', ')}.`)
  const { isolation: isolationBefore, requestsPerEnvironment: rateBefore, ...unrated } = account
  const { bucketStorageBytes: bucketsBefore, ...rest } = unrated
  const bucketBytes = bucketStorageBytes ?? bucketsBefore ?? 0
  const rate = requestsPerEnvironment ?? rateBefore ?? 0
  const needed = isolation === undefined ? isolationBefore : isolation
  const changed: Account = {
    ...rest,
    ...(needed && { isolation: needed }),
    ...(rate > 0 && { requestsPerEnvironment: rate }),
    ...(bucketBytes > 0 && { bucketStorageBytes: bucketBytes }),
    ...(concurrency !== undefined && { concurrencyLimit: concurrency }),
    ...(storageBytes !== undefined && { storageBytes }),
    ...(codeStorageBytes !== undefined && { codeStorageBytes }),
  }
  const takes = (one: Account): number => {
    const own = storageOf(one, shares)
    return own + eventBytesOf(own)
  }
  const others = all.filter((one) => one.accountId !== account.accountId)
  const free = shares.poolBytes - others.reduce((sum, one) => sum + takes(one), 0)
  // What an account has it keeps, though the disk has become smaller since.
  if (takes(changed) > free && takes(changed) > takesBefore(all, account, takes))
    return invalidParameter(
      `Storage of ${storageOf(changed, shares)} bytes and half as much for events do not fit: ${Math.max(0, free)} bytes are left for accounts.`,
    )
  return ok(changed)
}

const takesBefore = (all: readonly Account[], account: Account, takes: (one: Account) => number): number =>
  all.some((one) => one.accountId === account.accountId) ? takes(account) : 0

const within = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most

export function disableAccount(account: Account): Account {
  return { ...account, disabled: true }
}

export function enableAccount(account: Account): Account {
  const { disabled: _lifted, ...rest } = account
  return rest
}

/** Errors: InvalidParameterValue when the account has as many keys as it may. */
export function addAccessKey(account: Account, key: AccessKey): Result<Account, AwsError> {
  if (account.sealed !== undefined)
    return err(awsError('KMSNotFoundException', `The access keys of account ${account.accountId} cannot be opened.`))
  if (account.accessKeys.length >= limits.accessKeys)
    return invalidParameter(`An account has at most ${limits.accessKeys} access keys.`)
  return ok({ ...account, accessKeys: [...account.accessKeys, key] })
}

/** Errors: InvalidParameterValue, ResourceNotFound. */
export function setAccessKeyStatus(account: Account, accessKeyId: string, status: string): Result<Account, AwsError> {
  if (status !== 'Active' && status !== 'Inactive') return invalidParameter('A status is Active or Inactive.')
  if (!hasKey(account, accessKeyId)) return keyNotFound(account.accountId, accessKeyId)
  return ok({
    ...account,
    accessKeys: account.accessKeys.map((key) => (key.accessKeyId === accessKeyId ? { ...key, status } : key)),
  })
}

/** Errors: ResourceNotFound. */
export function removeAccessKey(account: Account, accessKeyId: string): Result<Account, AwsError> {
  if (!hasKey(account, accessKeyId)) return keyNotFound(account.accountId, accessKeyId)
  return ok({ ...account, accessKeys: account.accessKeys.filter((key) => key.accessKeyId !== accessKeyId) })
}

const hasKey = (account: Account, accessKeyId: string): boolean =>
  account.accessKeys.some((key) => key.accessKeyId === accessKeyId)

const keyNotFound = (account: AccountId, accessKeyId: string): Result<never, AwsError> =>
  notFound(`Account ${account} has no access key ${accessKeyId}`)

export const accountNotFound = (accountId: string): Result<never, AwsError> => notFound(`No account ${accountId}`)

/** Only a disabled account may be deleted: nothing of it is in use any more. */
export const checkDeletion = (account: Account): Result<Account, AwsError> =>
  account.disabled
    ? ok(account)
    : err({ code: 'ResourceInUseException', message: `Account ${account.accountId} is not disabled.` })
