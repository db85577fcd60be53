import { Lease, type WorkerHello } from '@weft/contracts/placement'
import { SandboxSpec } from '@weft/contracts/sandbox'
import type { Ledger } from '../ledger-port.ts'
import { LeasePartition, type PartitionEvent } from '../partition.ts'
import type { Decision, PartitionConfig } from '../state.ts'
import { defaultLeaseTimings } from '../timings.ts'

export const stageSpec = (functionName: string, over: Partial<SandboxSpec> = {}): SandboxSpec =>
  SandboxSpec.fromPartial({
    sandboxKey: `000000000001/${functionName}/$LATEST/r1`,
    accountId: '000000000001',
    functionName,
    version: '$LATEST',
    runtime: 'nodejs24.x',
    memoryMb: 128,
    timeoutMs: 3_000,
    codeDigest: 'c0de',
    ...over,
  })

/** A ledger with one limit for the whole account, and room for a set number of environments. */
export class PlainLedger implements Ledger {
  used = 0
  calls = 0
  /** Beyond these no more are let in. */
  mostCalls = Number.POSITIVE_INFINITY
  accountLimit: number
  environments: number
  /** By function and version: how many are initialised ahead of calls. */
  readonly provisioned = new Map<string, number>()

  constructor(accountLimit: number, environments = Number.POSITIVE_INFINITY) {
    this.accountLimit = accountLimit
    this.environments = environments
  }

  poolOf(): string {
    return 'all'
  }

  admit(_functionName: string, _version: string, withheld: number) {
    if (this.used + withheld >= this.accountLimit) return { ok: false as const, error: 'account' as const }
    return { ok: true as const, value: this.count() }
  }

  count() {
    this.used += 1
    let held = true
    return {
      release: () => {
        if (held) this.used -= 1
        held = false
      },
    }
  }

  provision(functionName: string, version: string, ready: number): void {
    this.provisioned.set(`${functionName} ${version}`, ready)
  }

  spend(_functionName: string, calls: number): number {
    this.calls += calls
    return this.calls > this.mostCalls ? 500 : 0
  }

  admitEnvironment(): boolean {
    this.environments -= 1
    return this.environments >= 0
  }
}

/** Puts a leader on a stage: tests say what workers and dispatchers do, and see what it decides. */
export class Stage {
  readonly ledger: PlainLedger
  readonly leader: LeasePartition
  now = 1_000
  #sandboxes = 0
  #seq = 0n
  #generation = 0n

  constructor(options: { limit?: number; environments?: number; config?: Partial<PartitionConfig> } = {}) {
    this.ledger = new PlainLedger(options.limit ?? 10, options.environments)
    this.leader = new LeasePartition(
      {
        epoch: 7,
        expected: [],
        timings: defaultLeaseTimings,
        maxWaiting: 100,
        newSandboxId: () => `s${++this.#sandboxes}`,
        ledgerOf: () => this.ledger,
        ...options.config,
      },
      this.now,
    )
  }

  handle(event: PartitionEvent): string[] {
    const said = this.leader.handle(event, this.now).map(tell)
    const problems = this.leader.problems()
    if (problems.length > 0) throw new Error(problems.join('; '))
    return said
  }

  /** Time passes; ticks come every 50 ms. */
  pass(ms: number): string[] {
    const said: string[] = []
    for (let left = ms; left > 0; left -= 50) {
      this.now += Math.min(50, left)
      said.push(...this.handle({ kind: 'tick' }))
    }
    return said
  }

  worker(connection: number, over: Partial<WorkerHello> = {}): string[] {
    this.#generation += 1n
    const hello: WorkerHello = {
      workerId: `w${connection}`,
      partition: 0,
      address: '',
      zone: '',
      runtimes: ['nodejs24.x'],
      runtimeVersions: [],
      networks: [],
      isolation: 'container',
      memoryMb: 1_024n,
      parallelStarts: 0,
      sandboxes: [],
      generation: this.#generation,
      ...over,
    }
    return this.handle({ kind: 'worker-hello', connection, hello })
  }

  dispatcher(connection: number, held: readonly string[] = []): string[] {
    this.#generation += 1n
    return this.handle({
      kind: 'dispatcher-hello',
      connection,
      hello: {
        dispatcherId: `d${connection}`,
        partition: 0,
        held: held.map(leaseOf),
        generation: this.#generation,
      },
    })
  }

  acquire(
    connection: number,
    functionName: string,
    over: { waitMs?: number; spec?: Partial<SandboxSpec> } = {},
  ): string[] {
    this.#seq += 1n
    const spec = stageSpec(functionName, over.spec)
    return this.frame(connection, {
      $case: 'acquire',
      value: { seq: this.#seq, spec, requestId: '', deadlineMs: 0n, waitMs: over.waitMs ?? 10_000 },
    })
  }

  cancel(connection: number, seq: number): string[] {
    return this.frame(connection, { $case: 'cancel', value: { seq: BigInt(seq) } })
  }

  /** `lease`: "sandbox epoch.number". */
  release(connection: number, lease: string, over: { sandboxLost?: boolean; mayStillRun?: boolean } = {}): string[] {
    const { id, sandboxId } = leaseOf(lease)
    return this.frame(connection, {
      $case: 'release',
      value: { id, sandboxId, sandboxLost: false, mayStillRun: false, ...over },
    })
  }

  busy(connection: number, lease: string, kept = false): string[] {
    const { id, sandboxId } = leaseOf(lease)
    return this.frame(connection, { $case: 'busy', value: { id, sandboxId, kept } })
  }

  frame(
    connection: number,
    frame: NonNullable<Extract<PartitionEvent, { kind: 'dispatcher-frame' }>['frame']['frame']>,
  ): string[] {
    return this.handle({ kind: 'dispatcher-frame', connection, frame: { frame } })
  }

  ready(connection: number, sandboxId: string): string[] {
    return this.#from(connection, { $case: 'ready', value: { sandboxId } })
  }

  failed(connection: number, sandboxId: string, noCapacity = false, initFailed = false): string[] {
    const value = { sandboxId, reason: 'it broke', noCapacity, initFailed }
    return this.#from(connection, { $case: 'failed', value })
  }

  gone(connection: number, sandboxId: string): string[] {
    return this.#from(connection, { $case: 'gone', value: { sandboxId, reason: 'reaped' } })
  }

  leaseEnded(connection: number, lease: string): string[] {
    const { id, sandboxId } = leaseOf(lease)
    return this.#from(connection, { $case: 'leaseEnded', value: { sandboxId, id } })
  }

  stats(connection: number, freeMb: number, draining = false): string[] {
    const value = { freeMemoryMb: BigInt(freeMb), sandboxes: 0, draining }
    return this.#from(connection, { $case: 'stats', value })
  }

  #from(
    connection: number,
    frame: NonNullable<Extract<PartitionEvent, { kind: 'worker-frame' }>['frame']['frame']>,
  ): string[] {
    return this.handle({ kind: 'worker-frame', connection, frame: { frame } })
  }
}

const leaseOf = (text: string): Lease => {
  const m = /^(\S+) (\d+)\.(\d+)(?: on (\S+))?(?: of (\S+))?$/.exec(text)
  if (!m) throw new Error(`not a lease: ${text}`)
  const functionName = m[5] ?? 'f'
  return Lease.fromPartial({
    id: { epoch: BigInt(m[2] ?? 0), number: BigInt(m[3] ?? 0) },
    sandboxId: m[1] ?? '',
    workerId: m[4] ?? '',
    sandboxKey: stageSpec(functionName).sandboxKey,
    accountId: '000000000001',
    functionName,
  })
}

/** A decision as a short sentence: "10: granted 1 s1 7.1 cold". */
function tell(decision: Decision): string {
  if (decision.to === 'close') return `${decision.connection}: closed`
  const { frame } = decision.frame
  const text = ((): string => {
    switch (frame?.$case) {
      case 'granted':
        return `granted ${frame.value.seq} ${name(frame.value.lease)}${frame.value.cold ? ' cold' : ''}`
      case 'denied':
        return `denied ${frame.value.seq} ${denials[frame.value.reason]}`
      case 'recall':
        return `recall ${name(frame.value)}${frame.value.ifIdle ? ' if idle' : ''}`
      case 'revoked':
        return `revoked ${name(frame.value)}`
      case 'endLease':
        return `end ${name(frame.value)}`
      case 'start':
        return `start ${frame.value.sandboxId} ${frame.value.spec?.functionName}${frame.value.provisioned ? ' ahead' : ''}`
      case 'expect':
        return `expect ${frame.value.spec?.functionName}`
      case 'stop':
        return `stop ${frame.value.sandboxId}`
      case 'welcome':
        return `welcome ${frame.value.epoch}`
      case 'rateLimited':
        return `rate limited ${frame.value.functionName} ${frame.value.forMs} ms`
      case undefined:
        return 'nothing'
    }
  })()
  return `${decision.connection}: ${text}`
}

const denials = ['', 'account', 'function', 'scaling', 'capacity', 'start', 'not leader', 'not offered'] as const

const name = (value: { sandboxId: string; id?: { epoch: bigint; number: bigint } | undefined } | undefined): string =>
  `${value?.sandboxId} ${value?.id?.epoch}.${value?.id?.number}`
