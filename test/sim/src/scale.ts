import { ConcurrencyLedger } from '@weft/admission'
import type { DispatcherFrame, Lease, WorkerFrame } from '@weft/contracts/placement'
import { SandboxSpec } from '@weft/contracts/sandbox'
import { type Decision, defaultLeaseTimings, LeasePartition } from '@weft/placement'

export interface ScaleOptions {
  readonly workers: number
  readonly functions: number
  readonly sandboxes: number
  /** Leases that are given back and asked for again once all sandboxes stand. */
  readonly turns: number
}

export interface ScaleReport {
  /** Acquires answered per second of processor time: each a lease, a start, a ready and their bookkeeping. */
  readonly coldPerSecond: number
  /** Leases given back and granted again, per second. */
  readonly warmPerSecond: number
  readonly bytesPerSandbox: number
  /** Frames that the leader sent for one lease while the sandboxes were started; 2 is a start and a grant. */
  readonly framesPerCold: number
}

const memoryMb = 128

const specOf = (fn: number): SandboxSpec =>
  SandboxSpec.fromPartial({
    sandboxKey: `000000000001/f${fn}/$LATEST/r1`,
    accountId: '000000000001',
    functionName: `f${fn}`,
    version: '$LATEST',
    runtime: 'nodejs24.x',
    memoryMb,
    timeoutMs: 3_000,
    codeDigest: 'c0de',
  })

/** One leader with many sandboxes: what a decision costs and what a sandbox weighs. Workers answer at once. */
export function runScale({ workers, functions, sandboxes, turns }: ScaleOptions): ScaleReport {
  const ledger = new ConcurrencyLedger({ accountLimit: sandboxes * 2, reserved: new Map(), provisioned: [] })
  let ids = 0
  let frames = 0
  const leader = new LeasePartition(
    {
      ...{ epoch: 1, expected: [], timings: defaultLeaseTimings, maxWaiting: sandboxes },
      newSandboxId: () => `s${++ids}`,
      ledgerOf: () => ledger,
    },
    0,
  )
  const dispatcher = workers + 1
  const leases: Lease[] = []
  const handle = (event: Parameters<LeasePartition['handle']>[0]): void => {
    for (const decision of leader.handle(event, 1_000)) answer(decision)
  }
  const fromWorker = (connection: number, frame: WorkerFrame['frame']): void =>
    handle({ kind: 'worker-frame', connection, frame: { frame } })
  const fromDispatcher = (frame: DispatcherFrame['frame']): void =>
    handle({ kind: 'dispatcher-frame', connection: dispatcher, frame: { frame } })
  const answer = (decision: Decision): void => {
    frames += 1
    if (decision.to === 'worker' && decision.frame.frame?.$case === 'start')
      fromWorker(decision.connection, {
        $case: 'ready',
        value: { sandboxId: decision.frame.frame.value.sandboxId },
      })
    if (decision.to === 'dispatcher' && decision.frame.frame?.$case === 'granted' && decision.frame.frame.value.lease)
      leases.push(decision.frame.frame.value.lease)
  }
  for (let connection = 1; connection <= workers; connection++)
    handle({
      kind: 'worker-hello',
      connection,
      hello: {
        ...{ workerId: `w${connection}`, partition: 0, address: '', zone: '', runtimes: ['nodejs24.x'] },
        memoryMb: BigInt(Math.ceil(sandboxes / workers + 1) * memoryMb),
        ...{
          runtimeVersions: [],
          networks: [],
          isolation: 'container',
          sandboxes: [],
          generation: 1n,
          parallelStarts: 0,
        },
      },
    })
  handle({
    kind: 'dispatcher-hello',
    connection: dispatcher,
    hello: { dispatcherId: 'd', partition: 0, held: [], generation: 1n },
  })
  const specs = Array.from({ length: functions }, (_, fn) => specOf(fn))
  let seq = 0n
  const acquire = (fn: number): void => {
    seq += 1n
    const spec = specs[fn % functions] as SandboxSpec
    fromDispatcher({ $case: 'acquire', value: { seq, spec, requestId: '', deadlineMs: 0n, waitMs: 60_000 } })
  }

  const before = heapBytes()
  frames = 0
  const cold = processorMs(() => {
    for (let n = 0; n < sandboxes; n++) acquire(n)
  })
  if (leases.length !== sandboxes) throw new Error(`${leases.length} leases for ${sandboxes} calls`)
  const framesPerCold = frames / sandboxes
  const bytes = heapBytes() - before
  const warm = processorMs(() => {
    for (let n = 0; n < turns; n++) {
      const at = (n * 7_919) % leases.length
      const lease = leases[at] as Lease
      const { id, sandboxId } = lease
      leases.splice(at, 1, leases.at(-1) as Lease)
      leases.pop()
      fromDispatcher({ $case: 'release', value: { id, sandboxId, sandboxLost: false, mayStillRun: false } })
      acquire(Number(lease.functionName.slice(1)))
    }
  })
  return {
    coldPerSecond: (sandboxes / cold) * 1_000,
    warmPerSecond: (turns / warm) * 1_000,
    bytesPerSandbox: bytes / sandboxes,
    framesPerCold,
  }
}

/** Processor time rather than time on the wall: others use the machine too. */
function processorMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
