import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccountId } from '@weft/contracts'
import {
  type AccountBus,
  accountShares,
  createKeyring,
  type DurabilityReport,
  ensureAccount,
  ensureFabric,
  hasKeyring,
  type Keyring,
  loadKeyring,
  type NatsLink,
  openAccountBus,
  openLink,
  proveDurability,
  serviceNames,
  vacateLeaderBoard,
} from '@weft/nats'
import type { Clock, Logger } from '@weft/platform'
import type { AccountShares } from '@weft/registry'
import { StartFailure } from './data-dir.ts'
import { type NatsChild, startNatsChild } from './nats-child.ts'
import { storageBudget } from './storage.ts'

export interface BusOptions {
  readonly dataDir: string
  readonly host: string
  readonly natsPort: number
  readonly durability: 'sync' | 'default'
  readonly accountId: AccountId
  readonly placementPartitions: number
  readonly clock: Clock
  readonly log: Logger
}

export type ServiceLinks = Readonly<Record<(typeof serviceNames)[number], NatsLink>>

export interface Bus extends AsyncDisposable {
  readonly port: number
  readonly natsPid: number
  readonly keyring: Keyring
  /** One connection per service, with the rights of that service alone. */
  readonly links: ServiceLinks
  readonly durability: DurabilityReport
  /** Path of the client's creds file of the default account. */
  readonly clientCredsFile: string
  /** `host:port` of the server. */
  readonly address: string
  /** NATS accounts of the clients' accounts. */
  readonly accounts: AccountBus
  readonly shares: AccountShares
  problems(): readonly string[]
}

/**
 * Brings up the bus: keys at the first start, the nats-server child, the proof of what it promises, and the streams and
 * buckets of the fabric and of the default account.
 */
export async function startBus(options: BusOptions): Promise<Bus> {
  const { dataDir, clock, log } = options
  const stack = new AsyncDisposableStack()
  let owner = stack
  try {
    const budget = storageBudget(dataDir)
    const shares = accountShares(budget.storageBytes)
    const limits = { tenantStorageBytes: shares.firstAccountBytes }
    const keysDir = join(dataDir, 'keys')
    const keyring = hasKeyring(keysDir) ? loadKeyring(keysDir, limits) : createKeyring(keysDir, limits)
    // Makes the account known before the server's configuration is written.
    await keyring.tenantJwt(options.accountId)
    const child: NatsChild = stack.use(
      await startNatsChild({
        dataDir,
        keyring,
        host: options.host,
        port: options.natsPort,
        sync: options.durability === 'sync' ? 'always' : 'default',
        storageBytes: budget.storageBytes,
        clock,
        log,
      }),
    )
    const address = `${options.host}:${child.port}`
    const open = async (name: string, creds: Promise<string>): Promise<NatsLink> =>
      owner.use(await openLink({ servers: [address], name, creds: await creds, log }))
    const system = await open('system', keyring.systemCreds())
    const links = Object.fromEntries(
      await Promise.all(serviceNames.map(async (name) => [name, await open(name, keyring.serviceCreds(name))])),
    ) as ServiceLinks
    const durability = await proveDurability(links.admin, system, { replicas: 1, clock })
    if (options.durability === 'sync' && durability.sync !== 'always')
      throw new StartFailure('nats-server does not sync every write although it was told to')
    const fabric = { replicas: 1, storageBytes: budget.storageBytes } as const
    await ensureFabric(links.admin, fabric)
    await ensureAccount(links.admin, options.accountId, fabric)
    // The lock on the data directory says that no other placement lives.
    await vacateLeaderBoard(links.admin, options.placementPartitions)
    const clientCredsFile = writeCreds(
      dataDir,
      options.accountId,
      await keyring.tenantCreds(options.accountId, 'client'),
    )
    const opened = [system, ...Object.values(links)]
    const rest = stack.move()
    owner = rest
    return {
      port: child.port,
      get natsPid() {
        return child.pid
      },
      keyring,
      links,
      durability,
      clientCredsFile,
      address,
      accounts: openAccountBus({
        keyring,
        system,
        admin: links.admin,
        fabric,
        connect: (creds, name) => openLink({ servers: [address], name, creds, log }),
      }),
      shares,
      problems: () => [...child.problems(), ...budget.problems(), ...opened.flatMap((link) => link.problems())],
      [Symbol.asyncDispose]: () => rest.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** The account's credentials as a file that any NATS client takes. */
function writeCreds(dataDir: string, account: AccountId, creds: string): string {
  const dir = join(dataDir, 'creds')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `${account}.creds`)
  writeFileSync(`${file}.part`, creds, { mode: 0o600 })
  renameSync(`${file}.part`, file)
  return file
}
