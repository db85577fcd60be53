/** The worker service as a process of a cluster. */
import { totalmem } from 'node:os'
import { mintSession } from '@weft/aws'
import { accountId, limits } from '@weft/contracts'
import { announce, openCodeStore, openFactSink, openLeaderBoard, openLink } from '@weft/nats'
import {
  fileSetting,
  grpcPlacementDirectory,
  runService,
  setting,
  settings,
  startInternalServer,
  systemRandom,
} from '@weft/platform'
import { chooseDriver } from './choose-driver.ts'
import type { DriverChoice } from './config.ts'
import { readNetworks } from './network/read-declaration.ts'
import { startWorker } from './service.ts'

/** What the host keeps for itself: a fifth. */
const hostShare = 0.8
/** A function's session credentials outlive its longest run by far. */
const sessionMs = 12 * 60 * 60 * 1_000
const choices: readonly DriverChoice[] = ['auto', 'oci', 'docker', 'process']
const isChoice = (text: string): text is DriverChoice => choices.some((choice) => choice === text)
const streamBytes = settings.integer(1, 1024 ** 4)
const hostPort = /^[\w.-]+:\d{1,5}$/

await runService({
  service: 'worker',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    clusterSecret: fileSetting('WEFT_CLUSTER_SECRET_FILE'),
    partitions: setting('WEFT_PLACEMENT_PARTITIONS', settings.integer(1, 1_024).default(4)),
    grpcPort: setting('WEFT_GRPC_PORT', settings.port.default(9300)),
    /** host:port at which dispatchers reach the invoke door. */
    advertise: setting('WEFT_ADVERTISE', settings.text),
    zone: setting('WEFT_ZONE', settings.text.default('local')),
    dataDir: setting('WEFT_DATA_DIR', settings.text),
    memoryMb: setting(
      'WEFT_MEMORY_MB',
      settings.integer(128, 16 * 1024 * 1024).default(Math.floor((totalmem() / 1024 / 1024) * hostShare)),
    ),
    sandbox: setting('WEFT_SANDBOX', settings.text.default('auto')),
    /** Of the Docker engine; its usual place when absent. */
    dockerSocket: setting('WEFT_DOCKER_SOCKET', settings.text.optional()),
    /** Low-level runtime of the Docker engine. */
    engineRuntime: setting('WEFT_ENGINE_RUNTIME', settings.text.optional()),
    /** A file that declares the networks of functions. */
    networksFile: setting('WEFT_NETWORKS', settings.text.optional()),
    /** host:port of the frontends' HTTP door, for functions that call the fabric back. */
    callback: setting('WEFT_CALLBACK', settings.text.optional()),
    stemsPerRuntime: setting('WEFT_STEMS', settings.integer(0, 100).default(2)),
    /** How fast a function may stream, bytes: at once, and per second from then on. */
    streamBurstBytes: setting('WEFT_STREAM_BURST_BYTES', streamBytes.default(limits.streamBurstBytes)),
    streamBytesPerSecond: setting('WEFT_STREAM_BYTES_PER_SECOND', streamBytes.default(limits.streamBytesPerSecond)),
    /** An environment ends when it has lived so long, or three quarters of it, and nothing runs in it. */
    lifetimeMs: setting('WEFT_LIFETIME_MS', settings.milliseconds(60_000, sessionMs).default(6 * 60 * 60 * 1_000)),
    idleMs: setting('WEFT_IDLE_MS', settings.milliseconds(1_000, 24 * 60 * 60 * 1_000).default(15 * 60 * 1_000)),
  },
  check: ({ sandbox, callback }) => [
    ...(isChoice(sandbox) ? [] : [`WEFT_SANDBOX is "${sandbox}": must be one of ${choices.join(', ')}`]),
    ...(callback === undefined || hostPort.test(callback) ? [] : [`WEFT_CALLBACK is "${callback}": must be host:port`]),
  ],
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, natsCreds: creds, instanceId, zone, dataDir, memoryMb } = config
    const { stemsPerRuntime, idleMs, lifetimeMs, advertise: address } = config
    const secret = config.clusterSecret.trim()
    const chosen = await chooseDriver({
      ...{ choice: isChoice(config.sandbox) ? config.sandbox : 'auto', dataDir, log },
      ...(config.dockerSocket !== undefined && { dockerSocket: config.dockerSocket }),
      ...(config.engineRuntime !== undefined && { engineRuntime: config.engineRuntime }),
    })
    if (!chosen.ok) throw new Error(`no sandboxes can be made here: ${chosen.error}`)
    const networks = config.networksFile === undefined ? undefined : await readNetworks(config.networksFile)
    log.info({ driver: chosen.value.driver.name }, chosen.value.explanation)
    const link = opened.use(await openLink({ servers, creds, name: `worker ${instanceId}`, log }))
    const leaders = opened.use(openLeaderBoard(link, { log }))
    const facts = opened.use(openFactSink(link, { log }))
    await leaders.whenReady
    const [host = '', port = ''] = config.callback?.split(':') ?? []
    const worker = await startWorker(
      {
        ...(networks && { networks }),
        ...{ workerId: instanceId, zone, address, dataDir, memoryMb, stemsPerRuntime, idleMs, lifetimeMs },
        streamPace: { burstBytes: config.streamBurstBytes, bytesPerSecond: config.streamBytesPerSecond },
      },
      {
        driver: chosen.value.driver,
        code: openCodeStore(link),
        facts,
        placement: grpcPlacementDirectory({ partitions: config.partitions, leaders, secret }),
        clock,
        random: systemRandom,
        log,
        credentials: async ({ accountId: account, roleArn, functionName }) =>
          mintSession(secret, {
            ...{ accountId: accountId(account), roleArn, sessionName: functionName },
            expiresAtMs: clock.now() + sessionMs,
          }),
        callbackAddress: config.callback === undefined ? undefined : { host, port: Number(port) },
      },
    )
    opened.use(
      await startInternalServer({
        ...{ host: config.host, port: config.grpcPort, secret, clock },
        worker: { accept: (channel) => worker.acceptDispatcher(channel) },
      }),
    )
    const self = {
      service: 'worker',
      instanceId,
      address,
      startedAtMs: clock.now(),
      runtimes: worker.runtimes,
      runtimeVersions: worker.runtimeVersions,
      networks: worker.networks,
      isolation: worker.isolation,
    }
    opened.use(announce(link, self, { log, clock }))
    const parts = [link, leaders, facts, worker]
    return {
      service: { ...worker, problems: () => parts.flatMap((part) => part.problems()) },
      details: worker.details,
    }
  },
})
