import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AdminClient } from '@weft/cli'
import { accountId, parseAdminConnection } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { credsFiles, ensureFabric, openAccountLinks, openCatalogue, openLink } from '@weft/nats'
import { openMasterKeys, Sealer, silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeFiles } from './files.ts'

const main = fileURLToPath(new URL('../../../services/admin/src/main.ts', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
const storageMb = 1_024
let server: TestNatsServer
let admin: ChildProcess
let port: number

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port: free } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')
  return free
}

beforeAll(async () => {
  await writeFiles({
    dir,
    natsNodes: ['nats-1'],
    storageMb,
    region: 'us-east-1',
    accountId: accountId('000000000000'),
    publicHttp: '127.0.0.1:9000',
    publicGrpc: '127.0.0.1:9100',
    publicNats: '127.0.0.1:4222',
    publicAdmin: '127.0.0.1:9400',
  })
  const data = join(dir, 'data')
  const config = readFileSync(join(dir, 'nats', 'nats-1.conf'), 'utf8')
    .replace('"0.0.0.0:4222"', '"127.0.0.1:-1"')
    .replace(/^http: .*$/m, '')
    .replaceAll('"/data', `"${data}`)
  server = await startNatsServer({ dir: data, config })
  {
    const creds = readFileSync(join(dir, 'admin', 'nats.creds'), 'utf8')
    await using link = await openLink({ servers: [server.url], name: 'admin', creds, log: silentLogger })
    await ensureFabric(link, { replicas: 1, storageBytes: storageMb * 1024 ** 2 })
  }
  port = await freePort()
  admin = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, main], {
    stdio: 'inherit',
    env: {
      PATH: process.env.PATH,
      WEFT_NATS_SERVERS: server.url.replace('nats://', ''),
      WEFT_NATS_CREDS: join(dir, 'admin', 'nats.creds'),
      WEFT_CLUSTER_DIR: dir,
      WEFT_STORAGE_MB: String(storageMb),
      WEFT_HOST: '127.0.0.1',
      WEFT_GRPC_PORT: String(port),
      WEFT_HEALTH_PORT: '0',
      WEFT_LOG_LEVEL: 'error',
    },
  })
})
afterAll(async () => {
  if (admin?.exitCode === null) {
    admin.kill('SIGTERM')
    await once(admin, 'exit')
  }
  await server?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

test('in a cluster, services that run already get into an account that is made, and lose it with the account', async () => {
  const connection = parseAdminConnection(readFileSync(join(dir, 'administrator', 'admin.json'), 'utf8'))
  if (!connection.ok) throw new Error(connection.error)
  using client = new AdminClient({ ...connection.value, admin: `127.0.0.1:${port}` }, () => Date.now())
  const { service } = client
  await expect
    .poll(() => client.call(service.listAccounts, {}).catch(String), { timeout: 60_000 })
    .toEqual({
      accounts: [],
    })

  const frontendCreds = readFileSync(join(dir, 'frontend', 'nats.creds'), 'utf8')
  const open = (creds: string) =>
    openLink({ servers: [server.url], name: 'test', creds, log: silentLogger, firstConnectMs: 300 })
  await using frontend = await open(frontendCreds)
  const sealer = new Sealer(openMasterKeys(join(dir, 'frontend', 'master-keys.json')))
  await using catalogue = openCatalogue(frontend, { log: silentLogger, sealer })
  await catalogue.whenReady
  const credsOf = credsFiles(join(dir, 'poller', 'accounts'))
  await using links = openAccountLinks({ servers: [server.url], credsOf, name: 'poller', catalogue, log: silentLogger })

  const made = await client.call(service.createAccount, { name: 'new', accountId: '', limits: undefined })
  const id = accountId(made.account?.accountId ?? '')
  await expect.poll(() => catalogue.account(id)?.accessKeys[0]?.accessKeyId).toBe(made.accessKey?.accessKeyId)
  await using owner = await open(made.natsCreds)
  await owner.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'] })
  expect((await (await links.reader(id)).jsm.streams.info('ORDERS')).config.name).toBe('ORDERS')

  // Every service gets a new master key before anything is sealed with it.
  const { keyId, rewrappedRecords } = await client.call(service.rotateMasterKey, {})
  expect(rewrappedRecords).toBe(1)
  for (const one of ['frontend', 'placement', 'poller', 'async-queue'])
    expect(readFileSync(join(dir, one, 'master-keys.json'), 'utf8')).toContain(keyId)
  expect(catalogue.problems()).toEqual([])
  expect(catalogue.account(id)?.accessKeys[0]?.accessKeyId).toBe(made.accessKey?.accessKeyId)

  await client.call(service.disableAccount, { accountId: id })
  await expect.poll(() => catalogue.account(id)).toBeUndefined()
  await client.call(service.deleteAccount, { accountId: id })
  await expect(open(made.natsCreds)).rejects.toThrow()
  await expect(credsOf(id, 'poller')).rejects.toThrow('ENOENT')
})
