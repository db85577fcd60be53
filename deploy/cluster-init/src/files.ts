import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AccessKey, type AdminConnection, type FabricConnection, newAccessKey } from '@weft/contracts'
import {
  accountShares,
  createKeyring,
  handOutFiles,
  hasKeyring,
  loadKeyring,
  masterKeyFiles,
  serverConfig,
  serviceNames,
  writeSecret as write,
} from '@weft/nats'
import { ensureMasterKeys, systemClock } from '@weft/platform'
import { type ClusterConfig, ports } from './config.ts'

/**
 * Makes what a cluster needs before its first server starts, or completes it: keys and secrets stay as they are over
 * runs, what follows from them is written anew. Layout of the folder:
 *
 *     keys/                  the keyring: seeds of all accounts and users; needed by this program and by admin only
 *     nats/<server>.conf     public claims, no secret
 *     <service>/nats.creds, cluster-secret, master-keys.json, accounts/<account>.<user>.creds    what one service may know,
 *                            mounted into it alone
 *     client/client.creds, connection.json    for the owner of the default account
 *     administrator/admin.json                for who administers the fabric
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
  }
  const masterKeys = masterKeyFiles(dir)
  ensureMasterKeys(masterKeys.own, systemClock.now())
  for (const file of masterKeys.all) write(file, readFileSync(masterKeys.own, 'utf8'))
  await handOutFiles(dir)(accountId, (user) => keyring.tenantCreds(accountId, user))
  write(join(dir, 'admin', 'system.creds'), await keyring.systemCreds())
  const key = defaultKey(dir)
  const natsCreds = join(dir, 'client', 'client.creds')
  write(natsCreds, await keyring.tenantCreds(accountId, 'client'))
  const connection: FabricConnection = {
    http: config.publicHttp.startsWith('https:') ? config.publicHttp : `http://${config.publicHttp}`,
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
  const token = keep(join(dir, 'admin', 'token'), () => randomBytes(32).toString('base64url'))
  const { http, grpc, nats, region } = connection
  const admin: AdminConnection = { admin: config.publicAdmin, token, http, grpc, nats, region }
  write(join(dir, 'administrator', 'admin.json'), `${JSON.stringify(admin, null, 2)}\n`)
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
