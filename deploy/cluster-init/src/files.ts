import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type AccessKey, type FabricConnection, newAccessKey } from '@weft/contracts'
import {
  accountShares,
  createKeyring,
  hasKeyring,
  loadKeyring,
  serverConfig,
  serviceNames,
  type TenantUser,
} from '@weft/nats'
import { type ClusterConfig, ports } from './config.ts'

/** Which users of a client's account act for the fabric, by the service that holds their credentials. */
const tenantUsersOf: Readonly<Record<string, readonly TenantUser[]>> = {
  poller: ['poller'],
  // The second looks up the subject of a stream that a function names as its dead-letter target.
  'async-queue': ['dead-letter', 'poller'],
}

/**
 * Makes what a cluster needs before its first server starts, or completes it: keys and secrets stay as they are over
 * runs, what follows from them is written anew. Layout of the folder:
 *
 *     keys/                  the keyring: seeds of all accounts and users; needed by this program only
 *     nats/<server>.conf     public claims, no secret
 *     <service>/nats.creds, cluster-secret, accounts/<account>.<user>.creds    what one service may know, mounted into it alone
 *     client/client.creds, connection.json    for the owner of the default account
 */
export async function writeFiles(config: ClusterConfig): Promise<void> {
  const { dir, accountId } = config
  const storageBytes = config.storageMb * 1024 ** 2
  const limits = { tenantStorageBytes: accountShares(storageBytes).firstAccountBytes }
  const keysDir = join(dir, 'keys')
  const keyring = hasKeyring(keysDir) ? loadKeyring(keysDir, limits) : createKeyring(keysDir, limits)
  await keyring.tenantJwt(accountId)

  for (const name of config.natsNodes) {
    const text = await serverConfig(keyring, {
      host: '0.0.0.0',
      port: ports.natsClient,
      dir: '/data',
      sync: 'always',
      maxStorageBytes: storageBytes,
      serverName: name,
      monitorPort: ports.natsMonitor,
      ...(config.natsNodes.length > 1 && {
        cluster: {
          name: 'weft',
          port: ports.natsCluster,
          routes: config.natsNodes.map((node) => `${node}:${ports.natsCluster}`),
        },
      }),
    })
    write(join(dir, 'nats', `${name}.conf`), text)
  }
  const clusterSecret = keep(join(dir, 'keys', 'cluster-secret'), () => randomBytes(32).toString('base64url'))
  for (const service of serviceNames) {
    write(join(dir, service, 'nats.creds'), await keyring.serviceCreds(service))
    if (service !== 'admin') write(join(dir, service, 'cluster-secret'), clusterSecret)
    for (const user of tenantUsersOf[service] ?? [])
      write(join(dir, service, 'accounts', `${accountId}.${user}.creds`), await keyring.tenantCreds(accountId, user))
  }
  write(join(dir, 'admin', 'system.creds'), await keyring.systemCreds())
  const key = defaultKey(dir)
  const natsCreds = join(dir, 'client', 'client.creds')
  write(natsCreds, await keyring.tenantCreds(accountId, 'client'))
  const connection: FabricConnection = {
    http: `http://${config.publicHttp}`,
    grpc: config.publicGrpc,
    nats: `nats://${config.publicNats}`,
    region: config.region,
    accountId,
    accessKeyId: key.accessKeyId,
    secretAccessKey: key.secretAccessKey,
    // Beside this file, wherever the folder is seen.
    natsCreds: 'client.creds',
  }
  write(join(dir, 'client', 'connection.json'), `${JSON.stringify(connection, null, 2)}\n`)
}

/** The first access key of the default account. */
export function defaultKey(dir: string): AccessKey {
  const text = keep(join(dir, 'keys', 'access-key.json'), () => JSON.stringify(newAccessKey()))
  return JSON.parse(text) as AccessKey
}

function keep(path: string, make: () => string): string {
  if (!existsSync(path)) write(path, make())
  return readFileSync(path, 'utf8')
}

/** Whole or not at all, readable by its owner only. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const part = `${path}.part`
  rmSync(part, { force: true })
  writeFileSync(part, text, { mode: 0o600 })
  renameSync(part, path)
}
