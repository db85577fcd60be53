import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Account, accountId } from '@weft/contracts'
import { silentLogger } from '@weft/platform'
import { generate } from 'selfsigned'
import { expect, it } from 'vitest'
import type { Accounts } from './accounts.ts'
import { startAdminDoor } from './door.ts'
import type { Encryption } from './encryption.ts'

const weft = fileURLToPath(new URL('../../../libs/cli/bin/weft.mjs', import.meta.url))
const account: Account = { accountId: accountId('111111111111'), name: 'one', concurrencyLimit: 5, accessKeys: [] }

const certificate = (name: string, ca?: { readonly key: string; readonly cert: string }) =>
  generate([{ name: 'commonName', value: name }], {
    algorithm: 'sha256',
    keySize: 2048,
    ...(ca && { ca }),
    extensions: [
      { name: 'basicConstraints', cA: ca === undefined },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  })

async function run(dir: string, environment: Readonly<Record<string, string>>) {
  const { NODE_EXTRA_CA_CERTS: _own, ...env } = process.env
  const child = spawn(process.execPath, [weft, '--data-dir', dir, 'admin', 'account', 'list'], {
    env: { ...env, ...environment },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}

it('the door shows the certificate of the operator, and the command believes the authority it is told of', async () => {
  const ca = await certificate('an authority')
  const own = await certificate('localhost', { key: ca.private, cert: ca.cert })
  await using door = await startAdminDoor(
    { host: '127.0.0.1', port: 0, tls: { cert: own.cert, key: own.private } },
    {
      accounts: { list: () => [account] } as unknown as Accounts,
      encryption: {} as Encryption,
      shares: { poolBytes: 1, newAccountBytes: 1, firstAccountBytes: 1 },
      token: 'token',
      log: silentLogger,
    },
  )
  const dir = await mkdtemp(join(tmpdir(), 'weft-admin-tls-'))
  try {
    const connection = {
      admin: `https://localhost:${door.port}`,
      token: 'token',
      http: 'h',
      grpc: 'g',
      nats: 'n',
      region: 'r',
    }
    await writeFile(join(dir, 'admin.json'), JSON.stringify(connection))
    await writeFile(join(dir, 'ca.pem'), ca.cert)
    const trusting = await run(dir, { NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem') })
    expect(trusting).toMatchObject({ code: 0, output: expect.stringContaining('111111111111') })
    // Who does not know the authority sends no token to whoever answers.
    expect((await run(dir, {})).output).toContain('the administration does not answer')
    await writeFile(join(dir, 'admin.json'), JSON.stringify({ ...connection, admin: `127.0.0.1:${door.port}` }))
    expect((await run(dir, {})).code).not.toBe(0)
  } finally {
    await rm(dir, { recursive: true })
  }
})
