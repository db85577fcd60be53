import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNatsServer } from '@weft/kit'
import { silentLogger, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { createKeyring } from './accounts/keyring.ts'
import { serverConfig } from './accounts/server-config.ts'
import { proveDurability } from './durability.ts'
import { leastStorageBytes } from './fabric.ts'
import { openLink } from './link.ts'

test.each(['always', 'default'] as const)('the sync mode %s is told as the server states it', async (sync) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-durability-'))
  try {
    const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 1024 * 1024 })
    const options = { port: 0, dir: join(dir, 'nats'), sync, maxStorageBytes: leastStorageBytes, serverName: 'test' }
    await using server = await startNatsServer({ dir: join(dir, 'nats'), config: await serverConfig(keyring, options) })
    const link = (creds: string) => openLink({ servers: [server.url], name: 'test', log: silentLogger, creds })
    await using admin = await link(await keyring.serviceCreds('admin'))
    await using system = await link(await keyring.systemCreds())
    const report = await proveDurability(admin, system, { replicas: 1, clock: systemClock })
    expect(report).toMatchObject({
      servers: 1,
      sync: sync === 'always' ? 'always' : 'interval',
      syncIntervalMs: sync === 'always' ? 0 : 120_000,
      compareAndSetUpdates: 40,
    })
    expect(report.summary).toContain(sync === 'always' ? 'on disk' : 'last 120 s')
    // The probe leaves nothing behind.
    expect(await admin.jsm.streams.names().next()).toEqual([])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
