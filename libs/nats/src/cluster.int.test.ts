import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, accountId } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { createKeyring, type Keyring } from './accounts/keyring.ts'
import { serverConfig } from './accounts/server-config.ts'
import { openCatalogue, openStores } from './catalogue.ts'
import { proveDurability } from './durability.ts'
import { ensureAccount, ensureFabric, leastStorageBytes } from './fabric.ts'
import { type NatsLink, openLink } from './link.ts'
import { announce, watchMembers } from './members.ts'

const log = silentLogger
const account = accountId('000000000000')
const options = { replicas: 3, storageBytes: leastStorageBytes } as const

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

/** Resolves once something takes connections there. */
async function listening(port: number): Promise<void> {
  const attempt = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
  await expect.poll(attempt, { timeout: 60_000 }).toBe(true)
}

interface Cluster extends AsyncDisposable {
  readonly servers: readonly TestNatsServer[]
  readonly keyring: Keyring
  readonly admin: NatsLink
  link(creds: string): Promise<NatsLink>
}

/** Three servers with the streams of a fabric. */
async function startCluster(): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
  const opened = new AsyncDisposableStack()
  opened.defer(() => rmSync(dir, { recursive: true, force: true }))
  try {
    const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 16 * 1024 * 1024 })
    await keyring.tenantJwt(account)
    const ports = [await freePort(), await freePort(), await freePort()]
    const routes = ports.map((port) => `127.0.0.1:${port}`)
    const starting: Promise<TestNatsServer>[] = []
    // One after another, as in a cluster of containers: of servers that start at the same moment one may drop the route
    // to another as a duplicate, and is then heard by nobody until it is started again. None is ready before the others.
    for (const [n, port] of ports.entries()) {
      const nodeDir = join(dir, `n${n}`)
      const cluster = { name: 'weft', port, routes }
      const common = { port: 0, sync: 'always', maxStorageBytes: 2 * leastStorageBytes } as const
      const config = await serverConfig(keyring, { ...common, dir: nodeDir, serverName: `n${n}`, cluster })
      const server = startNatsServer({ dir: nodeDir, config })
      starting.push(server)
      opened.defer(async () => (await server)[Symbol.asyncDispose]())
      await Promise.race([listening(port), server])
    }
    const servers = await Promise.all(starting)
    const urls = servers.map((server) => server.url)
    const link = (creds: string) => openLink({ servers: urls, name: 'test', log, creds })
    const admin = opened.use(await link(await keyring.serviceCreds('admin')))
    // The servers elect who keeps the streams' metadata before the first stream can be made.
    await expect.poll(() => ensureFabric(admin, options).then(() => 'done', String), { timeout: 60_000 }).toBe('done')
    const all = opened.move()
    return { servers, keyring, admin, link, [Symbol.asyncDispose]: () => all.disposeAsync() }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

test('three servers keep the catalogue when the one that leads it is killed', async () => {
  await using cluster = await startCluster()
  const { admin, keyring, link, servers } = cluster
  await using system = await link(await keyring.systemCreds())
  await ensureAccount(admin, account, options)
  const report = await proveDurability(admin, system, { replicas: 3, clock: systemClock })
  expect(report).toMatchObject({ servers: 3, sync: 'always', compareAndSetUpdates: 40 })

  await using frontend = await link(await keyring.serviceCreds('frontend'))
  await using catalogue = openCatalogue(frontend, { log })
  await catalogue.whenReady
  const { accounts } = openStores(admin, catalogue)
  const created = await accounts.create(account, {
    accountId: account,
    name: 'a',
    accessKeys: [],
  } as unknown as Account)
  if (!created.ok) throw new Error('not created')
  const leader = (await admin.jsm.streams.info('KV_weft-accounts')).cluster?.leader
  await servers.find((server) => server.dir.endsWith(`/${leader}`))?.kill()
  const renamed = { ...created.value.value, name: 'b' }
  const replace = async (): Promise<string | undefined> => {
    await accounts.replace(account, renamed, created.value.revision)
    return (await accounts.read(account))?.value.name
  }
  await expect.poll(() => replace().catch(String), { timeout: 60_000, interval: 500 }).toBe('b')
  await expect.poll(() => catalogue.account(account)?.name).toBe('b')
})

test('members are seen again after a restart of all servers, which hold them in memory', async () => {
  await using cluster = await startCluster()
  const { keyring, link, servers } = cluster
  await using workers = await link(await keyring.serviceCreds('worker'))
  await using observer = await link(await keyring.serviceCreds('frontend'))
  const member = (n: number) => ({ service: 'worker', instanceId: `w${n}`, address: 'h:1', startedAtMs: n })
  const seen = () => members.list('worker').map(({ instanceId }) => instanceId)
  await using members = watchMembers(observer, { log })
  // More entries than there will be after the restart: revisions begin again below those that were seen.
  const again = new TextEncoder().encode(JSON.stringify(member(0)))
  for (let n = 0; n < 500; n++) await workers.js.publish('$KV.weft-members.worker.w0', again)
  await expect.poll(seen).toEqual(['w0'])
  for (const server of servers) await server.kill()
  await Promise.all(servers.map((server) => server.restart()))
  const moved = { ...member(0), address: 'h:2' }
  await using _beat = announce(workers, moved, { log })
  await expect.poll(() => members.list('worker'), { timeout: 60_000 }).toEqual([moved])
})
