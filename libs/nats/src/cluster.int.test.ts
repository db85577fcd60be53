import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, accountId } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { createKeyring } from './accounts/keyring.ts'
import { serverConfig } from './accounts/server-config.ts'
import { openCatalogue, openStores } from './catalogue.ts'
import { proveDurability } from './durability.ts'
import { ensureAccount, ensureFabric, leastStorageBytes } from './fabric.ts'
import { openLink } from './link.ts'

const log = silentLogger
const account = accountId('000000000000')

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

test('three servers keep the catalogue when the one that leads it is killed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
  const servers: TestNatsServer[] = []
  try {
    const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 16 * 1024 * 1024 })
    await keyring.tenantJwt(account)
    const ports = [await freePort(), await freePort(), await freePort()]
    const routes = ports.map((port) => `127.0.0.1:${port}`)
    const launched = ports.map(async (port, n) => {
      const nodeDir = join(dir, `n${n}`)
      const cluster = { name: 'weft', port, routes }
      const common = { port: 0, sync: 'always', maxStorageBytes: 2 * leastStorageBytes } as const
      const config = await serverConfig(keyring, { ...common, dir: nodeDir, serverName: `n${n}`, cluster })
      servers.push(await startNatsServer({ dir: nodeDir, config }))
    })
    await Promise.all(launched)
    const urls = servers.map((server) => server.url)
    const link = (creds: string) => openLink({ servers: urls, name: 'test', log, creds })
    await using admin = await link(await keyring.serviceCreds('admin'))
    await using system = await link(await keyring.systemCreds())
    const options = { replicas: 3, storageBytes: leastStorageBytes } as const
    // The servers elect who keeps the streams' metadata before the first stream can be made.
    await expect.poll(() => ensureFabric(admin, options).then(() => 'done', String), { timeout: 60_000 }).toBe('done')
    await ensureAccount(admin, account, options)
    const report = await proveDurability(admin, system, { replicas: 3, clock: systemClock })
    expect(report).toMatchObject({ servers: 3, sync: 'always', compareAndSetUpdates: 40 })

    await using frontend = await link(await keyring.serviceCreds('frontend'))
    await using catalogue = openCatalogue(frontend, { log })
    await catalogue.whenReady
    const { accounts } = openStores(frontend, catalogue)
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
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  }
})
