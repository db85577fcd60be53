import type { Account } from '@weft/contracts/api/admin'
import type { Io } from '../../io.ts'

const mb = (bytes: bigint | undefined): string => `${Math.round(Number(bytes ?? 0n) / (1024 * 1024))} MB`

export function showAccount(io: Io, account: Account): void {
  const { limits } = account
  const lines = [
    ['account', account.accountId],
    ['name', account.name],
    ['state', account.disabled ? 'disabled' : 'enabled'],
    ...(account.createdAt ? [['created', account.createdAt.toISOString()]] : []),
    ['concurrency', String(limits?.concurrency ?? 0)],
    ...(limits?.requestsPerEnvironment ? [['requests', `${limits.requestsPerEnvironment}/s per environment`]] : []),
    ['storage', mb(limits?.storageBytes)],
    ['code storage', mb(limits?.codeStorageBytes)],
    ...(limits?.bucketStorageBytes ? [['buckets', mb(limits.bucketStorageBytes)]] : []),
    ...(limits?.isolation ? [['isolation', limits.isolation]] : []),
    ...account.accessKeys.map((key) => ['key', `${key.accessKeyId} ${key.status}`]),
  ]
  for (const [name = '', value] of lines) io.stdout.write(`${name.padEnd(13)} ${value}\n`)
}

export function showAccounts(io: Io, accounts: readonly Account[]): void {
  const rows = [
    ['ACCOUNT', 'STATE', 'CONCURRENCY', 'STORAGE', 'CODE', 'NAME'],
    ...accounts.map(({ accountId, name, disabled, limits }) => [
      accountId,
      disabled ? 'disabled' : 'enabled',
      String(limits?.concurrency ?? 0),
      mb(limits?.storageBytes),
      mb(limits?.codeStorageBytes),
      name,
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  for (const row of rows)
    io.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
}
