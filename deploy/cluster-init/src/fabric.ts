import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '@weft/contracts'
import {
  accountShares,
  ensureAccount,
  ensureFabric,
  masterKeyFiles,
  openCatalogue,
  openLink,
  openStores,
  proveDurability,
} from '@weft/nats'
import { type Logger, openMasterKeys, Sealer, systemClock } from '@weft/platform'
import { type ClusterConfig, ports } from './config.ts'
import { defaultKey } from './files.ts'

/** A cluster that has just started elects its leader; until then streams are refused. */
const startMs = 120_000

/**
 * Makes the streams and buckets of the fabric and of the default account once the servers run, or brings them up to
 * date, after proving what the servers promise. Idempotent.
 */
export async function prepareFabric(
  config: ClusterConfig,
  log: Logger,
  servers: readonly string[] = config.natsNodes.map((name) => `${name}:${ports.natsClient}`),
): Promise<void> {
  const creds = (name: string) => readFileSync(join(config.dir, 'admin', name), 'utf8')
  const open = (name: string, file: string) =>
    openLink({ servers, name, creds: creds(file), log, firstConnectMs: startMs, timeoutMs: 30_000 })
  await using admin = await open('admin', 'nats.creds')
  await using system = await open('system', 'system.creds')
  const replicas = config.natsNodes.length === 3 ? 3 : 1
  const durability = await proveDurability(admin, system, { replicas, clock: systemClock })
  if (durability.servers !== config.natsNodes.length)
    throw new Error(`${durability.servers} NATS servers answer, not ${config.natsNodes.length}`)
  log.info(durability.summary)
  const options = { replicas, storageBytes: config.storageMb * 1024 ** 2 } as const
  await ensureFabric(admin, options)
  await ensureAccount(admin, config.accountId, options)
  const sealer = new Sealer(openMasterKeys(masterKeyFiles(config.dir).own))
  await using catalogue = openCatalogue(admin, { log, sealer })
  await catalogue.whenReady
  const { accounts } = openStores(admin, catalogue)
  await accounts.create(config.accountId, {
    accountId: config.accountId,
    name: 'default',
    concurrencyLimit: limits.accountConcurrency,
    storageBytes: accountShares(options.storageBytes).firstAccountBytes,
    accessKeys: [defaultKey(config.dir)],
  })
  log.info(
    `the fabric's streams have ${replicas} ${replicas === 1 ? 'copy' : 'copies'}; account ${config.accountId} is there`,
  )
}
