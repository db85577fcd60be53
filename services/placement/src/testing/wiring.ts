import { randomUUID } from 'node:crypto'
import {
  type Account,
  accountId,
  type FunctionRecord,
  functionName,
  type InvokeCall,
  type SnapStartEntry,
} from '@weft/contracts'
import type {
  DispatcherFrame,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
} from '@weft/contracts/placement'
import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import { createDispatcher, type Dispatcher } from '@weft/invoke'
import type { Faults } from '@weft/kit'
import { defaultLeaseTimings, type LeaderBoard } from '@weft/placement'
import { MemoryLeaderBoard, type ModelRun, ModelWorker } from '@weft/placement/testing'
import {
  type Channel,
  grpcPlacementDirectory,
  grpcWorkerDirectory,
  memoryPlacementDirectory,
  memoryWorkerDirectory,
  type PlacementDirectory,
  silentLogger,
  startInternalServer,
  systemClock,
  systemRandom,
  type WorkerDirectory,
} from '@weft/platform'
import type { Catalogue } from '@weft/registry'
import { MemoryCollection, MemoryStore } from '@weft/registry/testing'
import { type PlacementService, startPlacement } from '../service.ts'
import { MemoryProvisionedBook } from './memory-book.ts'

export const account = accountId('000000000001')

export const functionOf = (name: string, reservedConcurrency?: number): FunctionRecord => ({
  accountId: account,
  functionName: functionName(name),
  functionArn: `arn:aws:lambda:us-east-1:${account}:function:${name}`,
  createdAtMs: 0,
  tags: {},
  ...(reservedConcurrency !== undefined && { reservedConcurrency }),
  latest: {
    version: '$LATEST',
    description: '',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    role: '',
    timeoutMs: 3_000,
    memoryMb: 128,
    ephemeralStorageMb: 512,
    environment: {},
    architecture: 'x86_64',
    logFormat: 'Text',
    logGroup: `/aws/lambda/${name}`,
    tracingMode: 'PassThrough',
    packageType: 'Zip',
    code: { digest: 'c0de', sha256: '', sizeBytes: 1 },
    revisionId: 'r1',
    lastModifiedMs: 0,
    state: 'Active',
    lastUpdateStatus: 'Successful',
  },
})

/** How the parts of a test reach one another. */
export type WiringKind = 'memory' | 'grpc'

/** Placements and model workers on a real clock, reached in memory or over loopback gRPC. */
export class Wiring implements AsyncDisposable {
  readonly kind: WiringKind
  readonly board = new MemoryLeaderBoard(systemClock, 1_500)
  readonly functions: FunctionRecord[]
  readonly placement: PlacementDirectory
  readonly workers: WorkerDirectory
  readonly #placements = new Map<string, PlacementService>()
  readonly #workers = new Map<string, WiredWorker>()
  readonly #opened = new AsyncDisposableStack()
  readonly #leaders: LeaderBoard

  /** `faults` breaks connections and makes the leader board fail. */
  constructor(kind: WiringKind, functions: FunctionRecord[], faults?: Faults) {
    this.kind = kind
    this.functions = functions
    this.#leaders = faults?.wrap(this.board) ?? this.board
    const placementOf = (instanceId: string): PlacementService => {
      const placement = this.#placements.get(instanceId)
      if (!placement) throw new Error(`no placement ${instanceId}`)
      return placement
    }
    const placement =
      kind === 'grpc'
        ? grpcPlacementDirectory({ partitions: 1, leaders: this.board, secret: 'secret' })
        : memoryPlacementDirectory({
            partitions: 1,
            leaders: this.board,
            acceptDispatcher: (channel, leader) => placementOf(leader.instanceId).acceptDispatcher(channel),
            acceptWorker: (channel, leader) => placementOf(leader.instanceId).acceptWorker(channel),
          })
    const workers =
      kind === 'grpc'
        ? grpcWorkerDirectory({ secret: 'secret' })
        : memoryWorkerDirectory((channel, workerId) => {
            const worker = this.#workers.get(workerId)
            if (worker) worker.accept(channel)
            else channel.close()
          })
    this.placement = faults ? breakingPlacement(placement, faults) : placement
    this.workers = faults ? { dial: (id, address) => faults.wrapChannel(workers.dial(id, address)) } : workers
  }

  async startPlacement(instanceId: string): Promise<PlacementService> {
    let service: PlacementService | undefined
    let address = ''
    if (this.kind === 'grpc') {
      const placement = {
        acceptDispatcher: (channel: Channel<DispatcherFrame, PlacementToDispatcherFrame>) =>
          service ? service.acceptDispatcher(channel) : channel.close(),
        acceptWorker: (channel: Channel<WorkerFrame, PlacementToWorkerFrame>) =>
          service ? service.acceptWorker(channel) : channel.close(),
      }
      const server = await startInternalServer({ host: '127.0.0.1', port: 0, secret: 'secret', placement })
      this.#opened.use(server)
      address = `127.0.0.1:${server.port}`
    }
    service = await startPlacement(
      { instanceId, address, partitions: 1 },
      {
        leaders: this.#leaders,
        catalogue: this.#catalogue(),
        provisionedBook: new MemoryProvisionedBook(),
        functions: new MemoryStore<FunctionRecord>(),
        snapStarts: new MemoryCollection<SnapStartEntry>(),
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
      },
    )
    this.#placements.set(instanceId, service)
    this.#opened.use(service)
    return service
  }

  async startWorker(id: string, onRun: (run: ModelRun, finish: () => void) => void): Promise<WiredWorker> {
    const worker = new WiredWorker(id, this.placement, onRun)
    this.#workers.set(id, worker)
    this.#opened.defer(() => worker.stop())
    if (this.kind === 'grpc') {
      const door = { accept: (channel: Channel<RunFrame, ResultFrame>) => worker.accept(channel) }
      const server = await startInternalServer({ host: '127.0.0.1', port: 0, secret: 'secret', worker: door })
      this.#opened.use(server)
      worker.address = `127.0.0.1:${server.port}`
    }
    worker.start()
    return worker
  }

  #catalogue(): Catalogue {
    return {
      accounts: () => [],
      account: () => ({ concurrencyLimit: 100 }) as Account,
      functions: () => this.functions,
      versions: () => [],
      function: (_account: string, name: string) => this.functions.find((f) => f.functionName === name),
      onChange: () => () => undefined,
    } as unknown as Catalogue
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

export const dispatcherOn = (wiring: Wiring, id: string): Dispatcher =>
  createDispatcher({
    ...{ id, region: 'us-east-1', placement: wiring.placement, workers: wiring.workers },
    ...{ clock: systemClock, random: systemRandom, log: silentLogger },
  })

export const callOf = (record: FunctionRecord, payload = Buffer.from('{}')): InvokeCall => ({
  requestId: randomUUID(),
  target: { record, version: record.latest, invokedArn: record.functionArn },
  payload,
  source: 'sync',
  attempt: 1,
  logTail: false,
  acceptedAtMs: Date.now(),
})

const breakingPlacement = (directory: PlacementDirectory, faults: Faults): PlacementDirectory => ({
  ...directory,
  leader: (partition) => directory.leader(partition),
  onLeader: (listener) => directory.onLeader(listener),
  dialDispatcher: (partition, leader) => faults.wrapChannel(directory.dialDispatcher(partition, leader)),
  dialWorker: (partition, leader) => faults.wrapChannel(directory.dialWorker(partition, leader)),
})

/** A model worker on real channels. */
export class WiredWorker {
  readonly id: string
  address = ''
  readonly model: ModelWorker
  readonly #directory: PlacementDirectory
  readonly #doors = new Map<number, Channel<RunFrame, ResultFrame>>()
  #leader: Channel<PlacementToWorkerFrame, WorkerFrame> | undefined
  #unsubscribe: () => void = () => undefined
  #connections = 0

  constructor(id: string, directory: PlacementDirectory, onRun: (run: ModelRun, finish: () => void) => void) {
    this.id = id
    this.#directory = directory
    const options = {
      ...{ id, memoryMb: 16_384, runtimes: ['nodejs24.x'], parallelStarts: 0 },
      ...{ timings: defaultLeaseTimings, whenBlind: 'serve' as const },
    }
    this.model = new ModelWorker(
      Object.defineProperty({ ...options, address: '' }, 'address', { get: () => this.address }),
      {
        toLeader: (_partition, frame) => this.#leader?.send(frame),
        toDispatcher: (connection, frame) => this.#doors.get(connection)?.send(frame),
        onStart: (sandboxId) => queueMicrotask(() => this.model.started(sandboxId)),
        onRun: (run) => onRun(run, () => this.model.finish(run)),
      },
    )
  }

  start(): void {
    this.#unsubscribe = this.#directory.onLeader(() => this.#dial())
    this.#dial()
  }

  accept(channel: Channel<RunFrame, ResultFrame>): void {
    const connection = ++this.#connections
    this.#doors.set(connection, channel)
    void channel.closed.then(() => this.#doors.delete(connection))
    channel.receive(({ frame }) => {
      if (frame?.$case === 'invoke') this.model.run(connection, frame.value, systemClock.monotonic())
    })
  }

  stop(): void {
    this.#unsubscribe()
    this.#leader?.close()
    this.hangUp()
  }

  /** Breaks the connections of all dispatchers. */
  hangUp(): void {
    for (const door of this.#doors.values()) door.close()
  }

  #dial(): void {
    const leader = this.#directory.leader(0)
    if (!leader) return
    this.#leader?.close()
    const channel = this.#directory.dialWorker(0, leader)
    this.#leader = channel
    channel.send(this.model.hello(0, leader.epoch, systemClock.monotonic()))
    channel.receive((frame) => {
      if (this.#leader === channel) this.model.leaderFrame(0, frame, systemClock.monotonic())
    })
    void channel.closed.then(() => {
      if (this.#leader !== channel) return
      this.model.leaderLost(0, systemClock.monotonic())
      // A leader that has not made its claim public yet hangs up once.
      systemClock.schedule(50, () => {
        if (this.#leader === channel) this.#dial()
      })
    })
  }
}
