/** The admin service as a process of a cluster. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  accountShares,
  accountsSeenByAll,
  handOutFiles,
  loadKeyring,
  masterKeyFiles,
  openAccountBus,
  openCatalogue,
  openLink,
  openStores,
  secretStore,
  watchMembers,
} from '@weft/nats'
import { fileSetting, openMasterKeys, runService, Sealer, setting, settings, tlsOf } from '@weft/platform'
import { startAdmin } from './service.ts'

/** A frontend that is cut off or was killed is waited for no longer than this. */
const doorsWithinMs = 5_000

const optionalFile = (name: string) => setting(name, fileSetting(name).schema.optional())
const tlsIdentity = (config: Record<'tlsCert' | 'tlsKey' | 'tlsClientCa', string | undefined>) =>
  tlsOf('WEFT_GRPC_TLS', { cert: config.tlsCert, key: config.tlsKey, clientCa: config.tlsClientCa })

await runService({
  service: 'admin',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    /** What cluster-init made, keys included; this service writes into it what others need for new accounts. */
    clusterDir: setting('WEFT_CLUSTER_DIR', settings.text),
    /** As cluster-init was told. */
    storageMb: setting('WEFT_STORAGE_MB', settings.integer(512, 10_000_000)),
    port: setting('WEFT_GRPC_PORT', settings.port.default(9400)),
    tlsCert: optionalFile('WEFT_GRPC_TLS_CERT_FILE'),
    tlsKey: optionalFile('WEFT_GRPC_TLS_KEY_FILE'),
    tlsClientCa: optionalFile('WEFT_GRPC_TLS_CLIENT_CA_FILE'),
  },
  check: (config) => {
    const tls = tlsIdentity(config)
    return tls.ok ? [] : [tls.error]
  },
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, clusterDir, host, port } = config
    const tls = tlsIdentity(config)
    if (!tls.ok) throw new Error(tls.error)
    const fabric = { replicas: servers.length === 3 ? 3 : 1, storageBytes: config.storageMb * 1024 ** 2 } as const
    const shares = accountShares(fabric.storageBytes)
    const secret = (name: string): string => readFileSync(join(clusterDir, 'admin', name), 'utf8')
    const masterKeys = masterKeyFiles(clusterDir)
    const keys = openMasterKeys(masterKeys.own)
    const sealer = new Sealer(keys)
    const connect = (creds: string, name: string) => openLink({ servers, creds, name, log })
    const link = opened.use(await connect(config.natsCreds, 'admin'))
    const system = opened.use(await connect(secret('system.creds'), 'admin of the system'))
    const catalogue = opened.use(openCatalogue(link, { log, sealer }))
    const members = opened.use(watchMembers(link, { log }))
    await Promise.all([catalogue.whenReady, members.whenReady])
    const admin = await startAdmin(
      { host, port, ...(tls.value && { tls: tls.value }) },
      {
        store: openStores(link, catalogue, clock).accounts,
        list: () => catalogue.everyAccount(),
        bus: openAccountBus({
          keyring: loadKeyring(join(clusterDir, 'keys'), { tenantStorageBytes: shares.firstAccountBytes }),
          system,
          admin: link,
          fabric,
          connect,
          handOut: handOutFiles(clusterDir),
        }),
        shares,
        async doorsKnow(revision) {
          if (!(await accountsSeenByAll(members, revision, clock, doorsWithinMs)))
            log.warn({ revision }, 'not every frontend has told that it knows of a change of accounts')
        },
        token: secret('token').trim(),
        encryption: { keys, files: masterKeys.all, secrets: secretStore(link, sealer, clock) },
        clock,
        log,
      },
    )
    const parts = [link, system, catalogue, members, admin]
    return { service: { ...admin, problems: () => parts.flatMap((part) => part.problems()) } }
  },
})
