import type { GetEncryptionResponse } from '@weft/contracts/api/admin'
import type { Command } from 'commander'
import type { Io } from '../../io.ts'
import type { AdminContext } from './account-commands.ts'

/** `weft admin encryption …` */
export function addEncryptionCommands(admin: Command, { io, withAdmin }: AdminContext): void {
  const encryption = admin.command('encryption').description('master keys that secrets in the store are sealed with')

  encryption
    .command('show')
    .description('the keys, and how many records are under each')
    .action(() => withAdmin(async (client) => showKeys(io, await client.call(client.service.getEncryption, {}))))

  encryption
    .command('rotate')
    .description('make a new key and bring every record under it')
    .action(() =>
      withAdmin(async (client) => {
        const done = await client.call(client.service.rotateMasterKey, {})
        io.stdout.write(`new key       ${done.keyId}\n`)
        io.stdout.write(`wrapped anew  ${done.rewrappedRecords}\n`)
        io.stdout.write(`newly sealed  ${done.sealedRecords}\n`)
        if (done.closedRecords > 0) io.stdout.write(`left closed   ${done.closedRecords}: their key is not there\n`)
      }),
    )

  encryption
    .command('retire')
    .description('forget a key under which nothing is any more')
    .argument('<key>', 'as `show` names it')
    .action((keyId: string) =>
      withAdmin(async (client) => showKeys(io, await client.call(client.service.retireMasterKey, { keyId }))),
    )
}

function showKeys(io: Io, { masterKeys, openRecords, lostRecords }: GetEncryptionResponse): void {
  for (const { keyId, createdAt, records } of masterKeys)
    io.stdout.write(`${keyId}  ${createdAt?.toISOString() ?? ''}  ${records} records\n`)
  if (openRecords > 0) io.stdout.write(`${openRecords} records have secrets in the open: rotate\n`)
  if (lostRecords > 0) io.stdout.write(`${lostRecords} records are under keys that are not there\n`)
}
