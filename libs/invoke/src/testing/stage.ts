import type { InvokeCall, InvokeOutcome, ResolvedFunction } from '@weft/contracts'
import { type DenialReason, type DispatcherFrame, Lease } from '@weft/contracts/placement'
import { SandboxSpec } from '@weft/contracts/sandbox'
import { leaseOriginToJSON, RunResult, RunStatus } from '@weft/contracts/worker'
import type { DispatcherConfig } from '../config.ts'
import { DispatcherCore } from '../core.ts'
import type { PendingCall } from '../lanes.ts'

const spec = SandboxSpec.fromPartial({
  sandboxKey: 'f',
  accountId: '000000000001',
  functionName: 'f',
  version: '$LATEST',
  timeoutMs: 3_000,
})

/** A dispatcher on a stage: tests play placement and worker, and read what it says. */
export class Stage {
  readonly core: DispatcherCore
  now = 1_000
  /** Of every run: where its lease came from, and how long it waited. */
  readonly origins: string[] = []
  #said: string[] = []
  #calls = 0

  constructor(over: Partial<DispatcherConfig> = {}) {
    this.core = new DispatcherCore(
      { id: 'd', idleLeaseMs: 500, patienceMs: 5, maxWaiting: 10, maxNotStarted: 2, ...over },
      {
        toPlacement: (_partition, frame) => this.#said.push(tell(frame)),
        toWorker: (_door, lease, { frame }) => {
          if (frame?.$case === 'invoke') {
            const { requestId, seq, queuedMs, leaseOrigin } = frame.value
            this.#said.push(`run ${requestId} on ${lease.sandboxId} as ${seq}`)
            this.origins.push(`${requestId}: ${leaseOriginToJSON(leaseOrigin)} after ${queuedMs}`)
          }
          if (frame?.$case === 'credit')
            this.#said.push(
              frame.value.discard ? `discard ${frame.value.seq}` : `credit ${frame.value.seq} ${frame.value.bytes}`,
            )
        },
      },
      () => 0,
    )
  }

  get said(): string[] {
    return this.#said.splice(0)
  }

  /** Calls are a, b, c …; outcomes are said as "a: succeeded". With `taking`, streamed parts are said and wait in it. */
  call(taking?: (() => void)[]): PendingCall | undefined {
    const requestId = String.fromCharCode(97 + this.#calls++)
    const call: InvokeCall = {
      requestId,
      target: { invokedArn: 'arn' } as ResolvedFunction,
      payload: new Uint8Array(),
      source: 'sync',
      attempt: 1,
      logTail: false,
      acceptedAtMs: 0,
      ...(taking && {
        sink: {
          begin: ({ contentType }) => void this.#said.push(`${requestId} begins ${contentType}`),
          write: (chunk, taken) => {
            this.#said.push(`${requestId} gets ${chunk.byteLength}`)
            taking.push(taken)
          },
        },
      }),
    }
    return this.core.invoke(
      call,
      spec,
      (outcome) => this.#said.push(`${requestId}: ${describeOutcome(outcome)}`),
      this.now,
    )
  }

  grant(seq: number, number = seq, sandboxId = `s${number}`, cold = false): void {
    const lease = Lease.fromPartial({
      id: { epoch: 1n, number: BigInt(number) },
      sandboxId,
      workerId: 'w',
      sandboxKey: 'f',
      accountId: '000000000001',
      functionName: 'f',
    })
    this.core.placementFrame(0, { frame: { $case: 'granted', value: { seq: BigInt(seq), lease, cold } } }, this.now)
  }

  deny(seq: number, reason: DenialReason): void {
    const value = { seq: BigInt(seq), reason, detail: 'no luck', retryAfterSeconds: 1 }
    this.core.placementFrame(0, { frame: { $case: 'denied', value } }, this.now)
  }

  recall(number: number, ifIdle = false): void {
    const value = { id: { epoch: 1n, number: BigInt(number) }, sandboxId: `s${number}`, ifIdle }
    this.core.placementFrame(0, { frame: { $case: 'recall', value } }, this.now)
  }

  result(seq: number, over: Partial<RunResult> = {}): void {
    const status = RunStatus.RUN_STATUS_SUCCEEDED
    this.core.workerResult('w ', RunResult.fromPartial({ seq: BigInt(seq), status, ...over }), this.now)
  }

  begin(seq: number): void {
    const value = { seq: BigInt(seq), contentType: 'text/plain' }
    this.core.workerFrame('w ', { frame: { $case: 'begin', value } }, this.now)
  }

  chunk(seq: number, bytes: number): void {
    const value = { seq: BigInt(seq), data: Buffer.alloc(bytes) }
    this.core.workerFrame('w ', { frame: { $case: 'chunk', value } }, this.now)
  }

  pass(ms: number): void {
    this.now += ms
    if (this.now >= this.core.dueAt) this.core.tick(this.now)
  }
}

const tell = ({ frame }: DispatcherFrame): string => {
  switch (frame?.$case) {
    case 'acquire':
      return `acquire ${frame.value.seq} for ${frame.value.requestId}`
    case 'cancel':
      return `cancel ${frame.value.seq}`
    case 'release': {
      const { sandboxId, sandboxLost, mayStillRun } = frame.value
      return `release ${sandboxId}${sandboxLost ? ' lost' : ''}${mayStillRun ? ' running' : ''}`
    }
    case 'busy':
      return `busy ${frame.value.sandboxId}${frame.value.kept ? ' kept' : ''}`
    default:
      return `${frame?.$case}`
  }
}

const describeOutcome = (outcome: InvokeOutcome): string =>
  outcome.kind === 'platform-error'
    ? `${outcome.detail}${outcome.mayHaveRun ? ', may have run' : ''}`
    : outcome.kind === 'throttled'
      ? outcome.reason
      : outcome.kind

/** A dispatcher with one idle lease, s1; one call, a, has used sequence numbers 1 and 2. */
export const warm = (): Stage => {
  const stage = new Stage()
  stage.call()
  stage.grant(1)
  stage.result(2)
  void stage.said
  return stage
}
