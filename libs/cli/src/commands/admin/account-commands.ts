import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { FabricConnection } from '@weft/contracts'
import type { Account, AccountLimits } from '@weft/contracts/api/admin'
import { type Command, InvalidArgumentError } from 'commander'
import type { AdminClient } from '../../client/admin-client.ts'
import type { Io } from '../../io.ts'
import { showAccount, showAccounts } from './show.ts'

export interface AdminContext {
  readonly io: Io
  readonly withAdmin: <T>(use: (client: AdminClient) => Promise<T>) => Promise<T>
}

interface LimitOptions {
  readonly concurrency?: number
  readonly requestsPerEnvironment?: number
  readonly storageMb?: number
  readonly codeStorageMb?: number
  readonly bucketStorageMb?: number
  readonly isolation?: string
}

const bytesPerMb = 1024 * 1024

/** `weft admin account …` */
export function addAccountCommands(admin: Command, { io, withAdmin }: AdminContext): void {
  const account = admin.command('account').description('accounts of the fabric')
  const shown = async (answer: Promise<Account>): Promise<void> => showAccount(io, await answer)

  withLimits(account.command('create'))
    .description('make an account with its first access key')
    .argument('<name>', 'what people call it')
    .option('--id <id>', 'twelve digits; one is drawn otherwise')
    .option('--out <folder>', 'write connection.json and client.creds there, for --data-dir; the secret is not shown')
    .action((name: string, options: LimitOptions & { id?: string; out?: string }) =>
      withAdmin(async (client) => {
        const { service } = client
        const request = { name, accountId: options.id ?? '', limits: limitsOf(options) }
        const { account: made, accessKey, natsCreds } = await client.call(service.createAccount, request)
        if (!made || !accessKey) throw new Error('the answer to the creation of an account is not whole')
        showAccount(io, made)
        if (options.out === undefined) {
          io.stdout.write(`secret        ${accessKey.secretAccessKey}\n`)
          return
        }
        const { http, grpc, nats, region } = client.connection
        const folder = writeFolder(
          options.out,
          { http, grpc, nats, region, accountId: made.accountId, ...accessKey },
          natsCreds,
        )
        io.stdout.write(`use it with   eval "$(npx weft --data-dir ${folder} env)"\n`)
      }),
    )

  account
    .command('list')
    .description('all accounts')
    .action(() =>
      withAdmin(async (client) => showAccounts(io, (await client.call(client.service.listAccounts, {})).accounts)),
    )

  account
    .command('show')
    .description('one account, its limits and its keys')
    .argument('<id>')
    .action((accountId: string) => withAdmin((client) => shown(client.call(client.service.getAccount, { accountId }))))

  withLimits(account.command('set-limits'))
    .description('change what an account may use; limits that are not given stay')
    .argument('<id>')
    .action((accountId: string, options: LimitOptions) =>
      withAdmin((client) =>
        shown(client.call(client.service.setAccountLimits, { accountId, limits: limitsOf(options) })),
      ),
    )

  account
    .command('disable')
    .description('close every door of an account; it loses nothing')
    .argument('<id>')
    .action((accountId: string) =>
      withAdmin((client) => shown(client.call(client.service.disableAccount, { accountId }))),
    )

  account
    .command('enable')
    .description('open its doors again')
    .argument('<id>')
    .action((accountId: string) =>
      withAdmin((client) => shown(client.call(client.service.enableAccount, { accountId }))),
    )

  account
    .command('delete')
    .description('remove a disabled account with all it has')
    .argument('<id>')
    .action((accountId: string) =>
      withAdmin(async (client) => {
        await client.call(client.service.deleteAccount, { accountId })
        io.stdout.write(`account ${accountId} is gone\n`)
      }),
    )

  account
    .command('creds')
    .description('print the .creds file for NATS clients of an account')
    .argument('<id>')
    .action((accountId: string) =>
      withAdmin(async (client) => {
        io.stdout.write((await client.call(client.service.getCredentials, { accountId })).natsCreds)
      }),
    )

  addKeyCommands(account, { io, withAdmin })
}

function addKeyCommands(account: Command, { io, withAdmin }: AdminContext): void {
  const keys = account.command('keys').description('access keys of an account itself')
  keys
    .command('create')
    .description('one more key; its secret is shown this once')
    .argument('<id>')
    .action((accountId: string) =>
      withAdmin(async (client) => {
        const { accessKeyId, secretAccessKey } = await client.call(client.service.createAccessKey, { accountId })
        io.stdout.write(`key           ${accessKeyId}\nsecret        ${secretAccessKey}\n`)
      }),
    )
  const changes = [
    ['deactivate', 'no door takes the key any more', 'Inactive'],
    ['activate', 'doors take it again', 'Active'],
  ] as const
  for (const [name, description, status] of changes)
    keys
      .command(name)
      .description(description)
      .argument('<id>')
      .argument('<key>', 'access key id')
      .action((accountId: string, accessKeyId: string) =>
        withAdmin(async (client) =>
          showAccount(io, await client.call(client.service.setAccessKeyStatus, { accountId, accessKeyId, status })),
        ),
      )
  keys
    .command('delete')
    .description('remove a key for good')
    .argument('<id>')
    .argument('<key>', 'access key id')
    .action((accountId: string, accessKeyId: string) =>
      withAdmin(async (client) =>
        showAccount(io, await client.call(client.service.deleteAccessKey, { accountId, accessKeyId })),
      ),
    )
}

const withLimits = (command: Command): Command =>
  command
    .option('--concurrency <calls>', 'calls that may run at the same time', wholeNumber)
    .option(
      '--requests-per-environment <calls>',
      'synchronous calls a second for each environment that the concurrency allows; 0: no limit',
      wholeNumber,
    )
    .option('--storage-mb <MB>', 'what its streams and buckets in NATS may fill', wholeNumber)
    .option('--code-storage-mb <MB>', 'packages, every version counted', wholeNumber)
    .option('--bucket-storage-mb <MB>', 'objects in its buckets; 0: no limit of its own', wholeNumber)
    .option('--isolation <class>', 'what must at least keep its sandboxes apart: container, gvisor or vm; "": nothing')

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is needed.')
  return Number(text)
}

const limitsOf = ({
  concurrency,
  requestsPerEnvironment,
  storageMb,
  codeStorageMb,
  bucketStorageMb,
  isolation,
}: LimitOptions): AccountLimits => ({
  concurrency,
  requestsPerEnvironment,
  isolation,
  storageBytes: bytesOf(storageMb),
  codeStorageBytes: bytesOf(codeStorageMb),
  bucketStorageBytes: bytesOf(bucketStorageMb),
})

const bytesOf = (mb: number | undefined): bigint | undefined => (mb === undefined ? undefined : BigInt(mb * bytesPerMb))

/** A folder that `--data-dir` takes, readable by its owner only. */
function writeFolder(folder: string, connection: Omit<FabricConnection, 'natsCreds'>, natsCreds: string): string {
  const path = resolve(folder)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const write = (name: string, text: string): void => {
    const file = join(path, name)
    writeFileSync(file, text, { mode: 0o600 })
    chmodSync(file, 0o600)
  }
  write('client.creds', natsCreds)
  write('connection.json', `${JSON.stringify({ ...connection, natsCreds: 'client.creds' }, null, 2)}\n`)
  return path
}
