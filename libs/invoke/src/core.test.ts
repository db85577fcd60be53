import type { InvokeCall, InvokeOutcome, ResolvedFunction } from '@weft/contracts'
import { DenialReason, type DispatcherFrame, Lease } from '@weft/contracts/placement'
import { SandboxSpec } from '@weft/contracts/sandbox'
import { RunResult, RunStatus } from '@weft/contracts/worker'
import { describe, expect, it } from 'vitest'
import { DispatcherCore } from './core.ts'
import type { PendingCall } from './lanes.ts'

const spec = SandboxSpec.fromPartial({
  sandboxKey: 'f',
  accountId: '000000000001',
  functionName: 'f',
  version: '$LATEST',
  timeoutMs: 3_000,
})

/** A dispatcher on a stage: tests play placement and worker, and read what it says. */
class Stage {
  readonly core: DispatcherCore
  now = 1_000
  #said: string[] = []
  #calls = 0

  constructor() {
    this.core = new DispatcherCore(
      { id: 'd', idleLeaseMs: 500, patienceMs: 5, maxWaiting: 10, maxNotStarted: 2 },
      {
        toPlacement: (_partition, frame) => this.#said.push(tell(frame)),
        toWorker: (_door, lease, { frame }) => {
          if (frame?.$case === 'invoke')
            this.#said.push(`run ${frame.value.requestId} on ${lease.sandboxId} as ${frame.value.seq}`)
        },
      },
      () => 0,
    )
  }

  get said(): string[] {
    return this.#said.splice(0)
  }

  /** Calls are a, b, c …; outcomes are said as "a: succeeded". */
  call(): PendingCall | undefined {
    const requestId = String.fromCharCode(97 + this.#calls++)
    const call: InvokeCall = {
      requestId,
      target: { invokedArn: 'arn' } as ResolvedFunction,
      payload: new Uint8Array(),
      source: 'sync',
      attempt: 1,
      logTail: false,
      acceptedAtMs: 0,
    }
    return this.core.invoke(
      call,
      spec,
      (outcome) => this.#said.push(`${requestId}: ${describeOutcome(outcome)}`),
      this.now,
    )
  }

  grant(seq: number, number = seq, sandboxId = `s${number}`): void {
    const lease = Lease.fromPartial({
      id: { epoch: 1n, number: BigInt(number) },
      sandboxId,
      workerId: 'w',
      sandboxKey: 'f',
      accountId: '000000000001',
      functionName: 'f',
    })
    this.core.placementFrame(
      0,
      { frame: { $case: 'granted', value: { seq: BigInt(seq), lease, cold: false } } },
      this.now,
    )
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
const warm = (): Stage => {
  const stage = new Stage()
  stage.call()
  stage.grant(1)
  stage.result(2)
  void stage.said
  return stage
}

describe('leases at hand', () => {
  it('asks for a lease, runs under it, and runs the next call without asking', () => {
    const stage = new Stage()
    stage.call()
    expect(stage.said).toEqual(['acquire 1 for a'])
    stage.grant(1)
    expect(stage.said).toEqual(['run a on s1 as 2'])
    stage.result(2)
    expect(stage.said).toEqual(['a: succeeded'])
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3'])
  })

  it('gives an idle lease back after half a second, and keeps one that is used', () => {
    const stage = warm()
    stage.pass(499)
    stage.call()
    stage.result(3)
    stage.pass(1)
    expect(stage.said).toEqual(['run b on s1 as 3', 'b: succeeded'])
    stage.pass(499)
    expect(stage.said).toEqual(['release s1'])
  })

  it('gives an idle lease back at once when it is recalled, a busy one when its invocation ends', () => {
    const stage = warm()
    stage.recall(1)
    expect(stage.said).toEqual(['release s1'])
    stage.call()
    stage.grant(3)
    stage.recall(3)
    stage.result(4)
    expect(stage.said).toEqual(['acquire 3 for b', 'run b on s3 as 4', 'busy s3', 'release s3', 'b: succeeded'])
  })

  it('keeps a busy lease that was wanted only if idle', () => {
    const stage = warm()
    stage.call()
    stage.recall(1, true)
    stage.result(3)
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'busy s1 kept', 'b: succeeded', 'run c on s1 as 4'])
  })

  it('takes a lease whose sandbox is lost out of use', () => {
    const stage = warm()
    stage.call()
    stage.result(3, { status: RunStatus.RUN_STATUS_FUNCTION_ERROR, sandboxLost: true })
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1 lost', 'b: function-error', 'acquire 4 for c'])
  })
})

describe('the line', () => {
  it('waits a moment for a lease at hand before it asks for another', () => {
    const stage = warm()
    stage.call()
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3'])
    stage.result(3)
    expect(stage.said).toEqual(['run c on s1 as 4', 'b: succeeded'])
    stage.call()
    stage.pass(5)
    expect(stage.said).toEqual(['acquire 5 for d'])
  })

  it('serves the oldest call with whatever comes first, and withdraws what is no longer needed', () => {
    const stage = new Stage()
    stage.call()
    stage.call()
    void stage.said
    stage.grant(2)
    expect(stage.said).toEqual(['run a on s2 as 3'])
    stage.result(3)
    expect(stage.said).toEqual(['cancel 1', 'run b on s2 as 4', 'a: succeeded'])
    stage.grant(1)
    stage.call()
    expect(stage.said).toEqual(['run c on s1 as 5'])
  })

  it('tells each refusal to the call that has its place in the line', () => {
    const stage = new Stage()
    stage.call()
    stage.call()
    stage.grant(2)
    stage.deny(1, DenialReason.DENIAL_REASON_FUNCTION_CONCURRENCY)
    expect(stage.said.slice(2)).toEqual(['run a on s2 as 3', 'b: ReservedFunctionConcurrentInvocationLimitExceeded'])
  })

  it.each([
    [DenialReason.DENIAL_REASON_ACCOUNT_CONCURRENCY, 'ConcurrentInvocationLimitExceeded'],
    [DenialReason.DENIAL_REASON_SCALING_RATE, 'FunctionInvocationRateLimitExceeded'],
    [DenialReason.DENIAL_REASON_NO_CAPACITY, 'no luck'],
    [DenialReason.DENIAL_REASON_START_FAILED, 'no luck'],
  ])('maps denial %i to %s', (reason, said) => {
    const stage = new Stage()
    stage.call()
    stage.deny(1, reason)
    expect(stage.said[1]).toBe(`a: ${said}`)
  })

  it('goes on waiting when it asked one that does not lead, and repeats what is open to the one that does', () => {
    const stage = new Stage()
    stage.call()
    stage.deny(1, DenialReason.DENIAL_REASON_NOT_LEADER)
    void stage.said
    expect(stage.core.hello(0).held).toEqual([])
    stage.core.resend(0, stage.now)
    expect(stage.said).toEqual(['acquire 1 for a'])
  })

  it('waits for the timeout of the function and its initialisation, no longer', () => {
    const stage = new Stage()
    stage.call()
    stage.pass(12_999)
    expect(stage.said).toEqual(['acquire 1 for a'])
    stage.pass(1)
    expect(stage.said).toEqual(['cancel 1', 'a: no sandbox within 13000 ms'])
  })

  it('stops waiting when the caller gives up, and leaves a call that runs alone', () => {
    const stage = new Stage()
    const a = stage.call()
    if (a) stage.core.abort(a)
    expect(stage.said).toEqual(['acquire 1 for a', 'cancel 1', 'a: the caller gave up'])
    const b = stage.call()
    stage.grant(2)
    if (b) stage.core.abort(b)
    stage.result(3)
    expect(stage.said).toEqual(['acquire 2 for b', 'run b on s2 as 3', 'b: succeeded'])
  })

  it('refuses calls beyond those that may wait', () => {
    const stage = new Stage()
    for (let i = 0; i < 11; i++) stage.call()
    expect(stage.said.at(-1)).toBe('k: too many calls wait for sandboxes')
  })
})

describe('losses', () => {
  it('answers what ran on a lost worker at once, and says that it may still run', () => {
    const stage = warm()
    stage.call()
    stage.core.workerLost('w ', true, stage.now)
    expect(stage.said).toEqual([
      'run b on s1 as 3',
      'release s1 lost running',
      'b: the worker was lost during the invocation, may have run',
    ])
    stage.result(3)
    expect(stage.said).toEqual([])
  })

  it('runs elsewhere what never reached its worker', () => {
    const stage = warm()
    stage.call()
    stage.core.workerLost('w ', false, stage.now)
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1 lost', 'acquire 4 for b'])
  })

  it('runs elsewhere what provably did not start, a bounded number of times, and tells after that', () => {
    const stage = warm()
    stage.call()
    const refused = { status: RunStatus.RUN_STATUS_NOT_STARTED, detail: 'stale' }
    stage.result(3, refused)
    expect(stage.said).toEqual(['run b on s1 as 3', 'release s1', 'acquire 4 for b'])
    stage.grant(4)
    stage.result(5, refused)
    stage.grant(6)
    stage.result(7, refused)
    expect(stage.said.at(-1)).toBe('b: stale')
  })

  it('tells a new leader of the leases it holds', () => {
    const stage = warm()
    expect(stage.core.hello(0)).toMatchObject({ dispatcherId: 'd', held: [{ sandboxId: 's1' }], generation: 1n })
    expect(stage.core.hello(0).generation).toBe(2n)
  })

  it('closes: refuses what waits, gives back what is idle, lets finish what runs', () => {
    const stage = warm()
    stage.call()
    stage.core.close()
    stage.call()
    expect(stage.said).toEqual(['run b on s1 as 3', 'c: shutting down'])
    stage.result(3)
    expect(stage.said).toEqual(['release s1', 'b: succeeded'])
    expect(stage.core.running).toBe(0)
  })
})
