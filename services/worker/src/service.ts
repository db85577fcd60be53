import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type IsolationClass, imageRuntime } from '@weft/contracts'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import { type Channel, delay, type Service, stopInOrder } from '@weft/platform'
import { detectRuntimes } from '@weft/runtimes'
import { CodeCache } from './code-cache.ts'
import { resolveConfig, type WorkerConfig, type WorkerDeps } from './config.ts'
import { Fleet } from './fleet.ts'
import { ImageCache } from './images/image-cache.ts'
import { Images } from './images/images.ts'
import { InvokeDoor } from './invoke-door.ts'
import { Networks } from './network/networks.ts'
import { ownerOf } from './oci/owner.ts'
import { PlacementLinks } from './placement-links.ts'
import { runtimeImages } from './runtime-images.ts'
import { Specialiser } from './specialise.ts'
import { StemPool } from './stems.ts'

/** Owner of the sandboxes of one host. */
export interface WorkerService extends Service {
  /** Takes a dispatcher's connection to the invoke door. */
  acceptDispatcher(channel: Channel<RunFrame, ResultFrame>): void
  /** Runtimes offered, in order. */
  readonly runtimes: readonly string[]
  /** The same with their versions, for example `nodejs24.x:24.21.0`. */
  readonly runtimeVersions: readonly string[]
  /** Ids of the subnets and security groups that functions may name. */
  readonly networks: readonly string[]
  /** What keeps sandboxes here apart. */
  readonly isolation: IsolationClass
  /** For the health answer. */
  details(): Readonly<Record<string, unknown>>
}

/** How often a stop looks whether something still runs, ms. */
const drainLookMs = 20
/** What the removal of everything may take, ms; each sandbox has deadlines of its own within. */
const removeMs = 20_000

/** Cleans up after a predecessor, offers the host's runtimes, and registers with placement. */
export async function startWorker(config: WorkerConfig, deps: WorkerDeps): Promise<WorkerService> {
  const { driver, clock, log } = deps
  const settings = resolveConfig({ ...config, dataDir: resolve(config.dataDir) })
  const { workerId, dataDir } = settings
  await mkdir(dataDir, { recursive: true })
  // Timers of the clock do not keep a process alive, and nothing else does yet that could.
  const alive = setInterval(() => undefined, 1_000)
  const removed = await driver.cleanUp().finally(() => clearInterval(alive))
  if (removed.length > 0) log.warn({ removed }, 'removed what an earlier worker left')
  const socketsDir = socketsDirOf(dataDir)
  await rm(socketsDir, { recursive: true, force: true })
  await mkdir(socketsDir, { recursive: true, mode: 0o711 })
  const declared = Object.keys(settings.networks.subnets).length > 0
  // Said before anything runs: functions would fail one by one.
  if (declared && (driver.withoutListeners || driver.name === 'process'))
    throw new Error(
      `networks are declared, and no sandbox of the ${driver.name} driver (${driver.isolation}) can join any`,
    )
  const networks = declared
    ? await Networks.open({ declaration: settings.networks, owner: ownerOf(dataDir), dataDir, log })
    : undefined
  const code = await CodeCache.open({
    dir: join(dataDir, 'code'),
    maxBytes: settings.codeCacheBytes,
    ...{ store: deps.code, clock, log },
  })
  const detected = detectRuntimes()
  const known = runtimeImages(detected)
  const images = driver.withoutListeners ? new Map([...known].filter(([, { framed }]) => framed)) : known
  const runtimeVersions = new Map(detected.filter((one) => one.version !== '').map(({ id, version }) => [id, version]))
  const boot = { driver, socketsDir, callbackAddress: deps.callbackAddress, clock, log }
  const stems = new StemPool({
    images,
    perRuntime: settings.stemsPerRuntime,
    prewarm: settings.prewarm,
    ...{ boot, clock, log },
  })
  const containers = new Images(boot, new ImageCache(code, deps.code), deps.code, settings.stemsPerRuntime)
  const fleet: Fleet = new Fleet({
    ...{
      workerId,
      memoryMb: settings.memoryMb,
      idleMs: settings.idleMs,
      lifetimeMs: settings.lifetimeMs,
      freezeAfterMs: settings.freezeAfterMs,
    },
    pace: settings.streamPace,
    ...{
      specialiser: new Specialiser(stems, code, containers, networks),
      clock,
      log,
      facts: deps.facts,
      credentials: deps.credentials,
    },
    partitions: deps.placement.partitions,
    runtimeVersions,
    isolation: driver.isolation,
    tell: (partition, frame) => links.tell(partition, frame),
    changed: () => links.changed(),
  })
  const runtimes = [...images.keys(), ...(driver.openImage ? [imageRuntime] : [])]
  const versionNames = [...runtimeVersions].map(([id, version]) => `${id}:${version}`)
  const links = new PlacementLinks({
    ...{ directory: deps.placement, fleet, clock, random: deps.random, log },
    hello: {
      ...{ workerId, address: settings.address, zone: settings.zone, runtimes, memoryMb: settings.memoryMb },
      runtimeVersions: versionNames,
      networks: networks?.ids ?? [],
      isolation: driver.isolation,
      // A start is mostly computing.
      parallelStarts: availableParallelism(),
    },
  })
  const door = new InvokeDoor(fleet)

  const stop = async (): Promise<void> => {
    const onProblem = (step: string, error: unknown): void => log.warn({ err: error, step }, 'stop: step not clean')
    // Timers of the clock do not keep a process alive, and a stop that is cut off leaves sandboxes behind.
    const alive = setInterval(() => undefined, 1_000)
    const drain = async (): Promise<void> => {
      fleet.drain()
      while (fleet.running > 0) await delay(clock, drainLookMs)
    }
    await stopInOrder(clock, settings.stopDeadlineMs, [{ name: 'finish what runs', run: drain }], onProblem)
    await stopInOrder(
      clock,
      removeMs,
      [
        { name: 'end environments', run: () => fleet.close() },
        { name: 'end stems', run: () => Promise.all([stems.close(), containers.close()]) },
        { name: 'leave placement', run: () => links.close() },
        { name: 'close the invoke door', run: () => door.close() },
        { name: 'close the code cache', run: () => code.close() },
        { name: 'close the driver', run: () => driver.close?.() },
        { name: 'take networks down', run: () => networks?.close() },
        { name: 'remove sockets', run: () => rm(socketsDir, { recursive: true, force: true }) },
        { name: 'send facts', run: () => deps.facts.flush() },
      ],
      onProblem,
    )
    clearInterval(alive)
  }
  let stopped: Promise<void> | undefined
  return {
    name: 'worker',
    runtimes,
    runtimeVersions: versionNames,
    networks: networks?.ids ?? [],
    isolation: driver.isolation,
    acceptDispatcher: (channel) => door.accept(channel),
    problems: () => [
      ...(stems.problem === undefined ? [] : [stems.problem]),
      ...links.unreached().map((partition) => `the leader of placement partition ${partition} is not reached`),
    ],
    details: () => ({
      ...{
        workerId,
        driver: driver.name,
        isolation: driver.isolation,
        runtimes,
        sandboxes: fleet.size,
        running: fleet.running,
      },
      ...{ stems: stems.size + containers.stems, freeMemoryMb: fleet.freeMemoryMb },
      // How versions with SnapStart are kept ready: initialised and frozen, not as images of memory.
      snapStart: 'pool',
    }),
    [Symbol.asyncDispose]: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

/** Paths of sockets are at most 107 bytes long, so they cannot lie in the data folder, whose path is anybody's choice. */
export function socketsDirOf(dataDir: string): string {
  const name = `weft-sockets-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`
  return process.getuid?.() === 0 ? join('/run', name) : join(tmpdir(), name)
}
