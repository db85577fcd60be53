import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FabricRecord, imageRuntime, type Leader, type LogBatch } from '@weft/contracts'
import type { LeaseId, PlacementToWorkerFrame, WorkerFrame } from '@weft/contracts/placement'
import type { Image, SandboxSpec } from '@weft/contracts/sandbox'
import { type ResultFrame, type RunFrame, RunInvocation, type RunResult } from '@weft/contracts/worker'
import {
  type Channel,
  memoryChannelPair,
  type PlacementDirectory,
  silentLogger,
  systemClock,
  systemRandom,
} from '@weft/platform'
import type { SandboxDriver, SessionCredentials } from '@weft/sandbox'
import type { WorkerConfig, WorkerDeps } from '../config.ts'
import { startWorker, type WorkerService } from '../service.ts'
import { zipOf } from './zip.ts'

export type WorkerSays = NonNullable<WorkerFrame['frame']>

const leader: Leader = { instanceId: 'p', address: '', epoch: 1, renewedAtMs: 0 }
export const testCredentials: SessionCredentials = {
  accessKeyId: 'ASIATEST',
  secretAccessKey: 'secret',
  sessionToken: 'token',
}

/** Parts of a streamed answer. */
export type AnswerFrame = Exclude<NonNullable<ResultFrame['frame']>, { $case: 'result' }>

/** A worker over a given driver, with this end in the place of placement and of a dispatcher. */
export class TestWorker implements AsyncDisposable {
  readonly worker: WorkerService
  readonly records: FabricRecord[]
  readonly logs: LogBatch[]
  readonly said: WorkerSays[] = []
  readonly #packages: Map<string, Buffer>
  readonly #placement: Channel<WorkerFrame, PlacementToWorkerFrame>
  readonly #door: Channel<ResultFrame, RunFrame>
  readonly #results = new Map<bigint, (result: RunResult) => void>()
  readonly #streams = new Map<bigint, (frame: AnswerFrame) => void>()
  #waiting: (() => void)[] = []
  #seq = 0n
  #lease = 0n

  private constructor(
    worker: WorkerService,
    placement: Channel<WorkerFrame, PlacementToWorkerFrame>,
    facts: { readonly records: FabricRecord[]; readonly logs: LogBatch[] },
    packages: Map<string, Buffer>,
  ) {
    this.worker = worker
    this.records = facts.records
    this.logs = facts.logs
    this.#packages = packages
    this.#placement = placement
    placement.receive(({ frame }) => {
      if (frame) this.said.push(frame)
      for (const wake of this.#waiting.splice(0)) wake()
    })
    placement.send({ frame: { $case: 'welcome', value: { epoch: 1n } } })
    const [near, far] = memoryChannelPair<ResultFrame, RunFrame>()
    this.#door = near
    near.receive(({ frame }) => {
      if (frame?.$case === 'result') this.#results.get(frame.value.seq)?.(frame.value)
      else if (frame) this.#streams.get(frame.value.seq)?.(frame)
    })
    worker.acceptDispatcher(far)
  }

  static async start(
    driver: SandboxDriver,
    dataDir: string,
    config: Partial<WorkerConfig> = {},
    deps: Partial<WorkerDeps> = {},
    aroundCode: (code: WorkerDeps['code']) => WorkerDeps['code'] = (code) => code,
  ): Promise<TestWorker> {
    const packages = new Map<string, Buffer>()
    const facts = { records: [] as FabricRecord[], logs: [] as LogBatch[] }
    let placement: Channel<WorkerFrame, PlacementToWorkerFrame> | undefined
    const directory: PlacementDirectory = {
      partitions: 1,
      leader: () => leader,
      onLeader: () => () => undefined,
      dialDispatcher: () => {
        throw new Error('no dispatcher here')
      },
      dialWorker: () => {
        const [near, far] = memoryChannelPair<PlacementToWorkerFrame, WorkerFrame>()
        placement = far
        return near
      },
    }
    const worker = await startWorker(
      { workerId: 'w1', zone: 'z', address: '', dataDir, memoryMb: 4096, stemsPerRuntime: 1, ...config },
      {
        driver,
        placement: directory,
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
        code: aroundCode({
          get: async (digest) => {
            const zip = packages.get(digest)
            if (!zip) throw new Error(`no package ${digest}`)
            return zip
          },
          async *getStream(digest) {
            const blob = packages.get(digest)
            if (!blob) throw new Error(`no code ${digest}`)
            yield blob
          },
        }),
        facts: {
          record: (record) => void facts.records.push(record),
          log: (batch) => void facts.logs.push(batch),
          flush: async () => undefined,
        },
        credentials: async () => testCredentials,
        ...deps,
      },
    )
    if (!placement) throw new Error('the worker did not register')
    return new TestWorker(worker, placement, facts, packages)
  }

  /** Starts an environment, `ahead` of calls if it is to be, and waits until it is ready; rejects with the reason when it fails. */
  async environment(
    files: Readonly<Record<string, string | Buffer>>,
    spec: Partial<SandboxSpec> = {},
    ahead = false,
  ): Promise<TestEnvironment> {
    const sandboxId = randomUUID().replaceAll('-', '')
    this.startSandbox(sandboxId, files, spec, ahead)
    const answer = await this.hears(
      (frame) => (frame.$case === 'ready' || frame.$case === 'failed') && frame.value.sandboxId === sandboxId,
    )
    if (answer.$case === 'failed') throw new Error(answer.value.reason)
    return new TestEnvironment(this, sandboxId)
  }

  /** Stores a layer. */
  layer(files: Readonly<Record<string, string | Buffer>>): SandboxSpec['layers'][number] {
    const zip = zipOf(files)
    const digest = createHash('sha256').update(zip).digest('hex')
    this.#packages.set(digest, zip)
    return { arn: 'arn:aws:lambda:us-east-1:000000000000:layer:l:1', digest, sizeBytes: BigInt(zip.length) }
  }

  /** Stores the layers of an image and starts an environment of it; rejects with the reason when that fails. */
  imageEnvironment(...image: Parameters<TestWorker['imageSpec']>): Promise<TestEnvironment> {
    return this.environment({}, this.imageSpec(...image))
  }

  /** What placement says of an image with these layers, which are stored. */
  imageSpec(
    layers: readonly { readonly blob: Buffer; readonly mediaType: string }[],
    image: Partial<Omit<Image, 'layers'>> = {},
    spec: Partial<SandboxSpec> = {},
  ): SandboxSpec {
    const stored = layers.map(({ blob, mediaType }) => {
      const digest = createHash('sha256').update(blob).digest('hex')
      this.#packages.set(digest, blob)
      return { digest, sizeBytes: BigInt(blob.length), compression: /\+(gzip|zstd)$/.exec(mediaType)?.[1] ?? 'none' }
    })
    return {
      ...{ ...plainSpec, runtime: imageRuntime, handler: '' },
      image: { entryPoint: [], command: [], workingDirectory: '', ...image, layers: stored },
      codeDigest: createHash('sha256')
        .update(stored.map(({ digest }) => digest).join())
        .digest('hex'),
      ...spec,
    }
  }

  startSandbox(
    sandboxId: string,
    files: Readonly<Record<string, string | Buffer>>,
    spec: Partial<SandboxSpec> = {},
    ahead = false,
  ): void {
    const { digest: codeDigest, sizeBytes: codeBytes } = this.layer(files)
    this.send({
      $case: 'start',
      value: { epoch: 1n, sandboxId, spec: { ...plainSpec, codeDigest, codeBytes, ...spec }, provisioned: ahead },
    })
  }

  send(frame: NonNullable<PlacementToWorkerFrame['frame']>): void {
    this.#placement.send({ frame })
  }

  /** The first frame from the worker that satisfies, also an earlier one. */
  async hears(wanted: (frame: WorkerSays) => boolean): Promise<WorkerSays> {
    for (;;) {
      const found = this.said.find(wanted)
      if (found) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  gone(sandboxId: string): Promise<WorkerSays> {
    return this.hears((frame) => frame.$case === 'gone' && frame.value.sandboxId === sandboxId)
  }

  nextLease(): LeaseId {
    this.#lease += 1n
    return { epoch: 1n, number: this.#lease }
  }

  run(invocation: Partial<RunInvocation>): Promise<RunResult> {
    this.#seq += 1n
    const value = RunInvocation.fromPartial({
      seq: this.#seq,
      requestId: randomUUID(),
      attempt: 1,
      source: 1,
      ...invocation,
    })
    const result = new Promise<RunResult>((resolve) => this.#results.set(value.seq, resolve))
    this.#door.send({ frame: { $case: 'invoke', value } })
    return result
  }

  /** Runs an invocation whose answer may be streamed; `onPart` gets its parts, and what it returns is credit for them. */
  stream(
    invocation: Partial<RunInvocation>,
    onPart: (frame: AnswerFrame, credit: (bytes: number, discard?: boolean) => void) => void,
  ): Promise<RunResult> {
    const result = this.run(invocation)
    const seq = this.#seq
    const credit = (bytes: number, discard = false): void =>
      this.#door.send({ frame: { $case: 'credit', value: { seq, bytes, discard } } })
    this.#streams.set(seq, (frame) => onPart(frame, credit))
    return result
  }

  /** Log lines of one invocation, once its REPORT line is out. */
  async linesOf(requestId: string): Promise<readonly string[]> {
    for (;;) {
      const lines = this.logs
        .filter((batch) => batch.requestId === requestId)
        .flatMap((batch) => batch.lines.map(({ message }) => message))
      if (lines.some((line) => line.startsWith(`REPORT RequestId: ${requestId}`))) return lines
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]()
  }
}

export class TestEnvironment {
  readonly #worker: TestWorker
  readonly sandboxId: string
  readonly #lease: LeaseId

  constructor(worker: TestWorker, sandboxId: string) {
    this.#worker = worker
    this.sandboxId = sandboxId
    this.#lease = worker.nextLease()
  }

  run(event: unknown, invocation: Partial<RunInvocation> = {}): Promise<RunResult> {
    return this.#worker.run(this.invocation(event, invocation))
  }

  invocation(event: unknown, more: Partial<RunInvocation> = {}): Partial<RunInvocation> {
    return {
      lease: this.#lease,
      sandboxId: this.sandboxId,
      payload: Buffer.from(JSON.stringify(event)),
      invokedFunctionArn: `${plainSpec.functionArn}:live`,
      ...more,
    }
  }

  /** The answer, parsed. */
  async call(event: unknown = {}, invocation: Partial<RunInvocation> = {}): Promise<unknown> {
    return JSON.parse((await this.run(event, invocation)).payload.toString('utf8'))
  }
}

export const plainSpec: SandboxSpec = {
  sandboxKey: 'k',
  accountId: '000000000000',
  functionName: 'f',
  version: '$LATEST',
  functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
  runtime: 'nodejs24.x',
  handler: 'index.handler',
  memoryMb: 256,
  timeoutMs: 10_000,
  ephemeralStorageMb: 512,
  environment: {},
  codeDigest: '',
  codeBytes: 0n,
  roleArn: 'arn:aws:iam::000000000000:role/r',
  region: 'us-east-1',
  logGroup: '/aws/lambda/f',
  architecture: 'x86_64',
  logFormat: 'Text',
  layers: [],
  systemLogLevel: 'INFO',
  subnetIds: [],
  securityGroupIds: [],
  snapStart: false,
  isolation: '',
  runtimeVersion: '',
  tenantId: '',
  codeKey: '',
}

/** A data folder that users of sandboxes can walk through. */
export function testDataDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'weft-worker-'))
  chmodSync(path, 0o700)
  // A mount that was let go lazily is there until the last process that had it open has died; one that stays is a leak.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  return { path, remove }
}
