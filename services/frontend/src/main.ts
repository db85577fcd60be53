/** The frontend as a process of a cluster. */
import { hostname } from 'node:os'
import { createDispatcher } from '@weft/invoke'
import {
  natsEventAcceptor,
  openAudience,
  openCatalogue,
  openCodeStore,
  openFactSink,
  openLeaderBoard,
  openLink,
  openStores,
  watchMembers,
} from '@weft/nats'
import {
  fileSetting,
  grpcPlacementDirectory,
  grpcWorkerDirectory,
  openMasterKeys,
  runService,
  Sealer,
  setting,
  settings,
  systemRandom,
  tlsOf,
} from '@weft/platform'
import { frontendDefaults } from './config.ts'
import { startAllDoors } from './doors/all.ts'
import { registryEntryProblem } from './images/registry-access.ts'

interface TlsFiles {
  readonly httpTlsCert: string | undefined
  readonly httpTlsKey: string | undefined
  readonly grpcTlsCert: string | undefined
  readonly grpcTlsKey: string | undefined
  readonly grpcTlsClientCa: string | undefined
}
const httpTlsOf = ({ httpTlsCert: cert, httpTlsKey: key }: TlsFiles) => tlsOf('WEFT_HTTP_TLS', { cert, key })
const grpcTlsOf = ({ grpcTlsCert: cert, grpcTlsKey: key, grpcTlsClientCa: clientCa }: TlsFiles) =>
  tlsOf('WEFT_GRPC_TLS', { cert, key, clientCa })
const optionalFile = (name: string) => setting(name, fileSetting(name).schema.optional())

await runService({
  service: 'frontend',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    clusterSecret: fileSetting('WEFT_CLUSTER_SECRET_FILE'),
    masterKeysFile: setting('WEFT_MASTER_KEYS_FILE', settings.text),
    region: setting('WEFT_REGION', settings.text.default(frontendDefaults.region)),
    partitions: setting('WEFT_PLACEMENT_PARTITIONS', settings.integer(1, 1_024).default(4)),
    httpPort: setting('WEFT_HTTP_PORT', settings.port.default(9000)),
    httpsPort: setting('WEFT_HTTPS_PORT', settings.port.default(9443)),
    httpTlsCert: optionalFile('WEFT_HTTP_TLS_CERT_FILE'),
    httpTlsKey: optionalFile('WEFT_HTTP_TLS_KEY_FILE'),
    grpcPort: setting('WEFT_GRPC_PORT', settings.port.default(9100)),
    publicUrl: setting(
      'WEFT_PUBLIC_URL',
      settings.text.regex(/^https?:\/\//, 'must be an http or https URL').optional(),
    ),
    urlDomain: setting(
      'WEFT_URL_DOMAIN',
      settings.text.regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'must be a domain name').default('localhost'),
    ),
    /** Origins, beside all https ones, from which JWT authorizers may fetch keys. */
    plainIssuers: setting('WEFT_PLAIN_ISSUERS', settings.list.optional()),
    /** Registries of container images that may be on any address: `host[:port]`, or `http://host[:port]`. */
    registries: setting('WEFT_REGISTRIES', settings.list.optional()),
    /** Of the shape of docker's config.json; read whenever a registry asks for credentials. */
    registryCredentials: setting('WEFT_REGISTRY_CREDENTIALS_FILE', settings.text.optional()),
    maxConnections: setting(
      'WEFT_MAX_CONNECTIONS',
      settings.integer(1, 1_000_000).default(frontendDefaults.maxConnections),
    ),
    stopMs: setting('WEFT_STOP_MS', settings.milliseconds(0, 900_000).default(frontendDefaults.stopMs)),
    grpcTlsCert: optionalFile('WEFT_GRPC_TLS_CERT_FILE'),
    grpcTlsKey: optionalFile('WEFT_GRPC_TLS_KEY_FILE'),
    grpcTlsClientCa: optionalFile('WEFT_GRPC_TLS_CLIENT_CA_FILE'),
  },
  check: (config) => [
    ...[httpTlsOf(config), grpcTlsOf(config)].flatMap((tls) => (tls.ok ? [] : [tls.error])),
    ...(config.registries ?? []).flatMap((entry) => registryEntryProblem(entry) ?? []),
  ],
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, natsCreds: creds, instanceId, region, host } = config
    const name = `frontend ${instanceId}`
    const clusterSecret = config.clusterSecret.trim()
    const [httpTls, grpcTls] = [httpTlsOf(config), grpcTlsOf(config)]
    if (!httpTls.ok) throw new Error(httpTls.error)
    if (!grpcTls.ok) throw new Error(grpcTls.error)
    const link = opened.use(await openLink({ servers, creds, name, log }))
    const sealer = new Sealer(openMasterKeys(config.masterKeysFile))
    const catalogue = opened.use(openCatalogue(link, { log, sealer }))
    const leaders = opened.use(openLeaderBoard(link, { log }))
    const members = opened.use(watchMembers(link, { log }))
    const facts = opened.use(openFactSink(link, { log }))
    await Promise.all([catalogue.whenReady, leaders.whenReady, members.whenReady])
    const dispatcher = opened.use(
      createDispatcher({
        id: name.replace(' ', '-'),
        region,
        placement: grpcPlacementDirectory({ partitions: config.partitions, leaders, secret: clusterSecret }),
        workers: grpcWorkerDirectory({ secret: clusterSecret }),
        clock,
        random: systemRandom,
        log,
        hasRate: (account) => catalogue.account(account)?.requestsPerEnvironment !== undefined,
        drainMs: config.stopMs,
      }),
    )
    const self = { service: 'frontend', instanceId, address: '', startedAtMs: clock.now() }
    const audience = opened.use(openAudience(link, { self, catalogue, members, clock, log }))
    const parts = [link, catalogue, leaders, members, facts, dispatcher]
    const doors = await startAllDoors(
      {
        ...frontendDefaults,
        region,
        maxConnections: config.maxConnections,
        plainIssuers: config.plainIssuers ?? [],
        images: {
          registries: config.registries ?? [],
          ...(config.registryCredentials !== undefined && { credentialsFile: config.registryCredentials }),
        },
        stopMs: config.stopMs,
        http: {
          host,
          port: config.httpPort,
          publicUrl: config.publicUrl ?? `http://${hostname()}:${config.httpPort}`,
          urlDomain: config.urlDomain,
          ...(httpTls.value && { tls: { ...httpTls.value, port: config.httpsPort } }),
        },
        grpc: { host, port: config.grpcPort, ...(grpcTls.value && { tls: grpcTls.value }) },
      },
      {
        link,
        catalogue,
        stores: openStores(link, catalogue, clock),
        seenByAll: (revision) => audience.seenByAll(revision),
        code: openCodeStore(link),
        invoker: dispatcher,
        events: natsEventAcceptor({ link, log }),
        facts,
        clusterSecret,
        sealer,
        runtimes: () => [...new Set(members.list('worker').flatMap((worker) => worker.runtimes ?? []))].sort(),
        isolations: () => [...new Set(members.list('worker').flatMap(({ isolation }) => isolation ?? []))],
        runtimeVersions: () => [...new Set(members.list('worker').flatMap((worker) => worker.runtimeVersions ?? []))],
        networks: () => [...new Set(members.list('worker').flatMap((worker) => worker.networks ?? []))],
        problems: () => parts.flatMap((part) => part.problems()),
        clock,
        log,
      },
    )
    return { service: doors, details: () => ({ http: doors.httpPort, grpc: doors.grpcPort }) }
  },
})
