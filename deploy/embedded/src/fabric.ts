import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { startAdmin } from '@weft/admin-service'
import { asyncQueueDefaults, startAsyncQueue } from '@weft/async-queue-service'
import { mintSession } from '@weft/aws'
import { withBrokers } from '@weft/brokers'
import {
  type AdminConnection,
  accountId,
  buckets,
  type FabricConnection,
  functionName,
  isFunctionName,
  type SnapStartEntry,
  streams,
} from '@weft/contracts'
import { frontendDefaults, startAllDoors } from '@weft/frontend-service'
import { createDispatcher } from '@weft/invoke'
import { LatestCapacity, metricsDefaults, startMetrics } from '@weft/metrics-service'
import {
  natsBusPublisher,
  natsDeadBatches,
  natsEventAcceptor,
  natsEventInbox,
  natsMappingSources,
  natsTargets,
  openAccountLinks,
  openCatalogue,
  openCodeStore,
  openCollection,
  openDocuments,
  openFactSink,
  openInvocationBook,
  openLeaderBoard,
  openMappingLeases,
  openObjectStore,
  openPositionBook,
  openProvisionedBook,
  openStores,
  openTriggerParts,
  secretStore,
  streamReader,
} from '@weft/nats'
import { startPlacement } from '@weft/placement-service'
import {
  type Clock,
  ensureMasterKeys,
  type HealthSource,
  type Logger,
  memoryPlacementDirectory,
  memoryWorkerDirectory,
  openMasterKeys,
  type Random,
  Sealer,
  type Service,
} from '@weft/platform'
import { pollerDefaults, startPoller } from '@weft/poller-service'
import { chooseDriver, readNetworks, startWorker } from '@weft/worker-service'
import type { Choice } from './banner.ts'
import { startBus } from './bus.ts'
import { removeConnections } from './connection-file.ts'
import { lockDataDir, StartFailure } from './data-dir.ts'
import { ensureDefaultAccount } from './default-account.ts'
import type { EmbeddedOptions } from './options.ts'
import { adminToken, clusterSecret } from './secret.ts'

export interface Fabric extends AsyncDisposable {
  readonly connection: FabricConnection
  readonly admin: AdminConnection
  /** Absolute. */
  readonly dataDir: string
  /** What was decided at the start, for the banner. */
  readonly choices: readonly Choice[]
  /** Whether the default account has a function of that name. */
  hasFunction(name: string): boolean
  problems(): readonly string[]
}

export interface EmbeddedDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Called with one line per step of the start. */
  readonly progress: (line: string) => void
}

/** One partition: there is one process, and it leads it. */
const partitions = 1
/** A function's session credentials outlive its longest run by far. */
const sessionMs = 12 * 60 * 60 * 1_000
/** What a stop waits for runs to finish, ms; a terminal's patience rather than a cluster's. */
const stopDeadlineMs = 10_000
const firstAccount = accountId('000000000000')

/**
 * Starts all services in this process over a nats-server child. Everything that is opened is closed in reverse
 * order when the fabric is disposed, and also when the start fails half way: doors first, the bus last.
 * Rejects with a `StartFailure`, one clear line, for what the user can change.
 */
export async function startEmbedded(options: EmbeddedOptions, deps: EmbeddedDeps): Promise<Fabric> {
  const { clock, random, log, progress } = deps
  const { region } = options
  const logOf = (service: string): Logger => log.child({ service })
  await using opened = new AsyncDisposableStack()

  const { path: dataDir } = opened.use(await lockDataDir(options.dataDir))
  removeConnections(dataDir)

  progress('starting nats-server and proving what it keeps')
  const bus = opened.use(
    await startBus({
      dataDir,
      host: options.host,
      natsPort: options.natsPort,
      durability: options.durability,
      accountId: firstAccount,
      placementPartitions: partitions,
      clock,
      log: logOf('bus'),
    }),
  )
  const { links } = bus
  const secret = clusterSecret(dataDir)

  progress('reading the catalogue')
  const masterKeysFile = join(dataDir, 'keys', 'master-keys.json')
  ensureMasterKeys(masterKeysFile, clock.now())
  const masterKeys = openMasterKeys(masterKeysFile)
  const sealer = new Sealer(masterKeys)
  const catalogue = opened.use(openCatalogue(links.frontend, { log: logOf('catalogue'), clock, sealer }))
  await catalogue.whenReady
  const stores = openStores(links.frontend, catalogue, clock)
  const accountStores = openStores(links.admin, catalogue, clock)
  const { accessKey } = await ensureDefaultAccount(accountStores, firstAccount, bus.shares.firstAccountBytes)
  const admin = opened.use(
    await startAdmin(
      { host: options.host, port: options.adminPort },
      {
        store: accountStores.accounts,
        list: () => catalogue.everyAccount(),
        bus: bus.accounts,
        shares: bus.shares,
        token: adminToken(dataDir),
        encryption: {
          keys: masterKeys,
          files: [masterKeysFile],
          secrets: secretStore(links.admin, sealer, clock),
        },
        clock,
        log: logOf('admin'),
      },
    ),
  )

  const factsOf = (name: 'frontend' | 'worker' | 'async-queue' | 'poller') =>
    opened.use(openFactSink(links[name], { log: logOf(name), clock }))

  const capacity = new LatestCapacity(clock)
  const metrics = opened.use(
    await startMetrics(metricsDefaults, {
      capacity,
      records: streamReader(links.metrics, streams.records),
      documents: openDocuments(links.metrics, buckets.rollups, clock),
      clock,
      log: logOf('metrics'),
    }),
  )

  const leaders = opened.use(openLeaderBoard(links.placement, { log: logOf('placement'), clock }))
  const snapStarts = opened.use(
    openCollection<SnapStartEntry>(links.placement, buckets.snapStarts, { log: logOf('placement'), clock }),
  )
  await Promise.all([leaders.whenReady, snapStarts.whenReady])
  const placement = opened.use(
    await startPlacement(
      { instanceId: `placement-${randomUUID()}`, address: '', partitions, region },
      {
        ...{ leaders, catalogue, clock, random, log: logOf('placement') },
        provisionedBook: openProvisionedBook(links.placement, clock),
        snapStarts,
        functions: openStores(links.placement, catalogue, clock).functions,
        announce: (partition, told) => capacity.take(`${partition}`, told),
      },
    ),
  )
  const placementDirectory = memoryPlacementDirectory({
    partitions,
    leaders,
    acceptDispatcher: (channel) => placement.acceptDispatcher(channel),
    acceptWorker: (channel) => placement.acceptWorker(channel),
  })

  progress('choosing a sandbox driver')
  const workerDir = join(dataDir, 'worker')
  mkdirSync(workerDir, { recursive: true })
  const chosen = await chooseDriver({
    ...{ choice: options.sandbox, dataDir: workerDir, log: logOf('worker') },
    ...(options.engineRuntime !== undefined && { engineRuntime: options.engineRuntime }),
    ...(options.dockerSocket !== undefined && { dockerSocket: options.dockerSocket }),
  })
  if (!chosen.ok) throw new StartFailure(chosen.error)
  const memoryMb = options.memoryMb ?? workerMemoryMb()
  const facts = { worker: factsOf('worker'), queue: factsOf('async-queue'), poller: factsOf('poller') }
  let httpPort = options.httpPort
  const networks = options.networks === undefined ? undefined : await declaredNetworks(options.networks)
  const worker = opened.use(
    await startWorker(
      {
        ...{
          workerId: `worker-${randomUUID()}`,
          zone: 'local',
          address: '',
          dataDir: workerDir,
          memoryMb,
          stopDeadlineMs,
        },
        ...(networks && { networks }),
      },
      {
        driver: chosen.value.driver,
        code: openCodeStore(links.worker),
        facts: facts.worker,
        placement: placementDirectory,
        clock,
        random,
        log: logOf('worker'),
        credentials: async ({ accountId: account, roleArn, functionName }) =>
          mintSession(secret, {
            accountId: accountId(account),
            roleArn,
            sessionName: functionName,
            expiresAtMs: clock.now() + sessionMs,
          }),
        // The door opens last, and functions run only after it has.
        callbackAddress: {
          host: options.host,
          get port() {
            return httpPort
          },
        },
      },
    ),
  )
  const dispatcher = opened.use(
    createDispatcher({
      id: `dispatcher-${randomUUID()}`,
      region,
      placement: placementDirectory,
      workers: memoryWorkerDirectory((channel) => worker.acceptDispatcher(channel)),
      clock,
      random,
      log: logOf('invoke'),
      hasRate: (account) => catalogue.account(account)?.requestsPerEnvironment !== undefined,
      drainMs: stopDeadlineMs,
    }),
  )

  const tenants = opened.use(
    openAccountLinks({
      servers: [bus.address],
      credsOf: (account, user) => bus.keyring.tenantCreds(account, user),
      name: 'fabric',
      catalogue,
      clock,
      log: logOf('accounts'),
    }),
  )
  const inbox = opened.use(natsEventInbox({ link: links['async-queue'], clock, log: logOf('async-queue') }))
  const asyncQueue = opened.use(
    await startAsyncQueue(
      { ...asyncQueueDefaults, region, stopDeadlineMs },
      {
        inbox,
        targets: natsTargets(tenants),
        events: natsEventAcceptor({ link: links['async-queue'], log: logOf('async-queue') }),
        book: openInvocationBook(links['async-queue'], clock),
        buses: natsBusPublisher(links['async-queue']),
        buckets: openObjectStore(links['async-queue']),
        invoker: dispatcher,
        catalogue,
        facts: facts.queue,
        clock,
        log: logOf('async-queue'),
      },
    ),
  )
  const jetstream = opened.use(natsMappingSources({ links: tenants, clock, log: logOf('poller') }))
  const brokersFile = join(dataDir, 'brokers.json')
  const sources = withBrokers(jetstream, existsSync(brokersFile) ? brokersFile : undefined, {
    positions: openPositionBook(links.poller, clock),
    clock,
    log: logOf('poller'),
  })
  const leases = await openMappingLeases({
    link: links.poller,
    clock,
    log: logOf('poller'),
    instanceId: `poller-${randomUUID()}`,
  })
  const triggers = opened.use(await openTriggerParts(links.poller, { clock, log: logOf('poller') }))
  const poller = opened.use(
    await startPoller(
      { ...pollerDefaults, region, stopDeadlineMs },
      {
        catalogue,
        mappingStore: openStores(links.poller, catalogue, clock).mappings,
        sources,
        leases,
        deadBatches: natsDeadBatches(links.poller),
        targets: natsTargets(tenants),
        triggers,
        invoker: dispatcher,
        facts: facts.poller,
        clock,
        log: logOf('poller'),
      },
    ),
  )

  progress('opening the doors')
  const below: readonly HealthSource[] = [
    { service: 'bus', problems: () => bus.problems(), details: () => ({ natsPid: bus.natsPid, ...bus.durability }) },
    { service: 'catalogue', problems: () => catalogue.problems() },
    { service: 'triggers', problems: () => triggers.problems() },
    ...[admin, metrics, placement, worker, asyncQueue, poller].map(sourceOf),
    {
      service: 'facts',
      problems: () => [...new Set(Object.values(facts).flatMap((sink) => sink.problems()))],
    },
  ]
  const problemsBelow = (): readonly string[] => below.flatMap((part) => part.problems())
  let parts = below
  const frontend = opened.use(
    await startAllDoors(
      {
        ...frontendDefaults,
        region,
        stopMs: stopDeadlineMs,
        images: {
          ...(options.registries && { registries: options.registries }),
          ...(options.registryCredentials !== undefined && { credentialsFile: options.registryCredentials }),
        },
        http: { host: options.host, port: options.httpPort },
        grpc: { host: options.host, port: options.grpcPort },
      },
      {
        link: links.frontend,
        catalogue,
        stores,
        code: openCodeStore(links.frontend),
        invoker: dispatcher,
        events: natsEventAcceptor({ link: links.frontend, log: logOf('frontend') }),
        facts: factsOf('frontend'),
        clock,
        log: logOf('frontend'),
        clusterSecret: secret,
        sealer,
        runtimes: () => worker.runtimes,
        runtimeVersions: () => worker.runtimeVersions,
        isolations: () => [worker.isolation],
        networks: () => worker.networks,
        problems: problemsBelow,
        health: {
          service: 'weft',
          problems: () => [],
          parts: () => parts,
          metrics: () => metrics.page(),
          lookup: (req, res) => metrics.handle(req, res),
        },
      },
    ),
  )
  httpPort = frontend.httpPort
  // The doors tell, at their own health service, what is wrong below them too.
  const ofDoors = (): readonly string[] => {
    const known = problemsBelow()
    return frontend.problems().filter((problem) => !known.includes(problem))
  }
  parts = [...below, { service: 'frontend', problems: ofDoors }]

  const connection: FabricConnection = {
    http: `http://${options.host}:${frontend.httpPort}`,
    grpc: `${options.host}:${frontend.grpcPort}`,
    nats: `nats://${options.host}:${bus.port}`,
    region,
    accountId: firstAccount,
    accessKeyId: accessKey.accessKeyId,
    secretAccessKey: accessKey.secretAccessKey,
    natsCreds: bus.clientCredsFile,
  }
  const { http, grpc, nats } = connection
  const all = opened.move()
  return {
    connection,
    admin: { admin: `${options.host}:${admin.port}`, token: adminToken(dataDir), http, grpc, nats, region },
    dataDir,
    choices: [
      { what: 'sandbox', chosen: chosen.value.driver.name, why: chosen.value.explanation },
      { what: 'durability', chosen: bus.durability.sync, why: bus.durability.summary },
      { what: 'runtimes', chosen: `${worker.runtimes.length}`, why: worker.runtimes.join(', ') },
      { what: 'memory', chosen: `${memoryMb} MB`, why: `for sandboxes, on ${availableParallelism()} CPUs` },
      { what: 'doors', chosen: connection.http, why: `gRPC ${connection.grpc}, NATS ${connection.nats}` },
      { what: 'keys', chosen: `${dataDir}/connection.json`, why: `account ${firstAccount}, region ${region}` },
    ],
    hasFunction: (name) => isFunctionName(name) && catalogue.function(firstAccount, functionName(name)) !== undefined,
    problems: () => parts.flatMap((part) => part.problems()),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const sourceOf = (service: Service & { readonly details?: () => Readonly<Record<string, unknown>> }): HealthSource => ({
  service: service.name,
  problems: () => service.problems(),
  ...(service.details && { details: service.details }),
})

/** Three quarters of what this process may still have: the rest is for NATS, for itself, and for the host. */
const workerMemoryMb = (): number => Math.floor((process.availableMemory() / 1024 ** 2) * 0.75)

/** What is wrong in the declaration is for who wrote it. */
const declaredNetworks = (path: string) =>
  readNetworks(path).catch((error: Error) => {
    throw new StartFailure(`networks cannot be made: ${error.message}`)
  })
