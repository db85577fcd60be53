import { createHash } from 'node:crypto'
import { accountId, type FactSink, type IsolationClass, isolates } from '@weft/contracts'
import type { EndLease, LeaseId, SandboxReport, WorkerFrame } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type RunInvocation, type RunResult, RunStatus } from '@weft/contracts/worker'
import { compareLeaseIds, defaultLeaseTimings, LeaseGate } from '@weft/placement'
import { type Clock, type Logger, partitionOf, type Timer } from '@weft/platform'
import type { PaceLimits, SessionCredentials } from '@weft/sandbox'
import type { StreamedAnswer } from './answer-path.ts'
import type { Body } from './boot.ts'
import type { RunReply } from './current-run.ts'
import { Environment } from './environment.ts'
import { ExpectedFunctions } from './expected-functions.ts'
import type { FunctionCode, Specialiser } from './specialise.ts'

export interface FleetParts {
  readonly workerId: string
  readonly memoryMb: number
  readonly idleMs: number
  /** How long an environment lives at most, unless something runs in it, ms. */
  readonly lifetimeMs: number
  readonly freezeAfterMs: number
  readonly pace: PaceLimits
  readonly partitions: number
  /** By runtime id; runtimes that tell none are not in it. */
  readonly runtimeVersions: ReadonlyMap<string, string>
  /** What keeps sandboxes here apart. */
  readonly isolation: IsolationClass
  readonly specialiser: Specialiser
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  readonly credentials: (spec: SandboxSpec) => Promise<SessionCredentials | undefined>
  /** Tells the placement of a partition. */
  readonly tell: (partition: number, frame: NonNullable<WorkerFrame['frame']>) => void
  /** Memory or number of sandboxes changed. */
  readonly changed: () => void
}

interface Member {
  readonly sandboxId: string
  readonly spec: SandboxSpec
  readonly partition: number
  /** Initialised ahead of calls; kept until placement has it stopped, or with SnapStart until its first call. */
  readonly provisioned: boolean
  /** It has run an invocation. */
  used: boolean
  /** When it has lived long enough, monotonic ms. */
  readonly oldAtMs: number
  /** Undefined while it starts, and while it is initialised ahead of calls. */
  environment: Environment | undefined
  preparing: Environment | undefined
  /** A stop that came while it started. */
  stopReason: string | undefined
  /** The lease of the invocation that runs. */
  running: LeaseId | undefined
  /** Ended leases under which something still ran. */
  ending: LeaseId[]
}

/** What initialising ahead of calls may take, ms (Lambda developer guide, lambda-runtime-environment). */
const leastPrepareMs = 130_000
/** How often idle environments are looked at, ms. */
const reapMs = 5_000

/** The environments of this worker, by the ids that placement gave them. */
export class Fleet {
  readonly #parts: FleetParts
  readonly #members = new Map<string, Member>()
  readonly #gates: readonly LeaseGate[]
  /** Environments whose end is decided but whose sandboxes are not removed yet. */
  readonly #leaving = new Set<Promise<void>>()
  readonly #expected: ExpectedFunctions
  #promisedMb = 0
  #draining = false
  #reaper: Timer

  constructor(parts: FleetParts) {
    this.#parts = parts
    this.#expected = new ExpectedFunctions((spec) => parts.specialiser.prepare(spec), parts.log)
    const now = parts.clock.monotonic()
    this.#gates = Array.from({ length: parts.partitions }, () => new LeaseGate(defaultLeaseTimings, 'serve', now))
    this.#reaper = parts.clock.schedule(reapMs, () => this.#reap())
  }

  get size(): number {
    return this.#members.size
  }

  get running(): number {
    let running = 0
    for (const { environment } of this.#members.values()) if (environment?.busy) running += 1
    return running
  }

  get freeMemoryMb(): number {
    return Math.max(0, this.#parts.memoryMb - this.#promisedMb)
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Which leases of a partition may run here. */
  gate(partition: number): LeaseGate {
    const gate = this.#gates[partition]
    if (!gate) throw new Error(`no partition ${partition}`)
    return gate
  }

  /** Ends every environment of a partition that a dispatcher may use: its placement counts on that. */
  fence(partition: number): void {
    for (const { sandboxId, partition: own, environment } of [...this.#members.values()])
      if (own === partition && (environment?.busy || this.gate(partition).latest(sandboxId)))
        this.stop(sandboxId, 'placement was out of reach for too long')
  }

  reports(partition: number): SandboxReport[] {
    return [...this.#members.values()]
      .filter((member) => member.partition === partition)
      .map((member) => ({
        sandboxId: member.sandboxId,
        spec: member.spec,
        lease: this.gate(partition).latest(member.sandboxId),
        busy: member.environment?.busy === true,
        starting: member.environment === undefined,
        provisioned: isAhead(member),
      }))
  }

  /** Starts an environment; tells `ready` or `failed`. Asked again for one that is there, it tells how that stands. */
  start(sandboxId: string, spec: SandboxSpec, provisioned = false): void {
    const partition = partitionOf(accountId(spec.accountId), this.#parts.partitions)
    const known = this.#members.get(sandboxId)
    if (known) {
      if (known.environment) this.#parts.tell(partition, { $case: 'ready', value: { sandboxId } })
      return
    }
    if (!isolates(this.#parts.isolation, spec.isolation)) {
      const reason = `${spec.functionName} needs the isolation ${spec.isolation}, and this worker has ${this.#parts.isolation}`
      this.#parts.tell(partition, {
        $case: 'failed',
        value: { sandboxId, reason, noCapacity: false, initFailed: false },
      })
      return
    }
    if (this.#draining || !this.#makeRoom(spec.memoryMb)) {
      const reason = this.#draining ? 'the worker is going away' : 'no memory left to promise'
      this.#parts.tell(partition, {
        $case: 'failed',
        value: { sandboxId, reason, noCapacity: true, initFailed: false },
      })
      return
    }
    this.#promisedMb += spec.memoryMb
    const member: Member = {
      ...{ sandboxId, spec, partition, provisioned, used: false, ending: [] },
      oldAtMs: this.#parts.clock.monotonic() + this.#parts.lifetimeMs * (1 - fractionOf(sandboxId) / 4),
      ...{ environment: undefined, preparing: undefined, stopReason: undefined, running: undefined },
    }
    this.#members.set(sandboxId, member)
    this.#parts.changed()
    const starting = this.#start(member)
    this.#leaving.add(starting)
    void starting.finally(() => this.#leaving.delete(starting))
  }

  /** A first call of the function is to be expected. */
  expect(spec: SandboxSpec): void {
    if (!this.#draining) this.#expected.add(spec)
  }

  /** Ends an environment; tells `gone`. */
  stop(sandboxId: string, reason: string): void {
    const member = this.#members.get(sandboxId)
    if (member?.environment) void member.environment.stop(reason)
    else if (member) {
      member.stopReason = reason
      void member.preparing?.stop(reason)
    }
  }

  /** Refuses the lease from now on; tells `leaseEnded` once nothing runs under it. */
  endLease(partition: number, { sandboxId, id }: EndLease): void {
    if (!id) return
    const member = this.#members.get(sandboxId)
    if (member) this.gate(member.partition).end(sandboxId, id)
    if (member?.running && compareLeaseIds(member.running, id) <= 0) member.ending.push(id)
    else this.#parts.tell(member?.partition ?? partition, { $case: 'leaseEnded', value: { sandboxId, id } })
  }

  /** Runs an invocation under its lease; `reply` gets what `Environment.run` says. */
  run(invocation: RunInvocation, reply: RunReply): StreamedAnswer | undefined {
    const member = this.#members.get(invocation.sandboxId)
    const refusal = this.#refusal(member, invocation)
    if (refusal !== undefined || !member?.environment) {
      reply({ $case: 'result', value: notStarted(invocation.seq, refusal ?? 'no such sandbox') })
      return undefined
    }
    member.running = invocation.lease
    member.used = true
    return member.environment.run(invocation, reply)
  }

  #refusal(member: Member | undefined, { lease, requestId }: RunInvocation): string | undefined {
    if (!member) return 'no such sandbox'
    if (!member.environment) return 'the sandbox is starting'
    if (!member.environment.free) return 'the sandbox is busy'
    if (member.environment.gone) return 'the sandbox is gone'
    const now = this.#parts.clock.monotonic()
    if (!lease || !this.gate(member.partition).admit(member.sandboxId, lease, now)) return 'the lease is stale'
    if (!/^[0-9a-zA-Z-]{36}$/.test(requestId)) return 'not a request id'
    return undefined
  }

  /** Takes nothing new from now on. */
  drain(): void {
    this.#draining = true
    this.#parts.changed()
  }

  /** Ends everything; resolves when every trace is gone. */
  async close(): Promise<void> {
    this.#draining = true
    this.#reaper.cancel()
    for (const { sandboxId } of this.#members.values()) this.stop(sandboxId, 'the worker stops')
    await this.#expected.close()
    while (this.#leaving.size > 0) await Promise.allSettled(this.#leaving)
  }

  async #start(member: Member): Promise<void> {
    const { sandboxId, spec, partition } = member
    const { tell, log, credentials } = this.#parts
    let code: FunctionCode | undefined
    let body: Body | undefined
    try {
      // Both are awaited whatever becomes of the other: what one of them made must be known to be taken away.
      const [made, given] = await Promise.allSettled([
        this.#parts.specialiser.make(spec, (opened) => {
          code = opened
        }),
        credentials(spec),
      ])
      if (made.status === 'rejected') throw made.reason
      body = made.value
      if (given.status === 'rejected') throw given.reason
      if (member.stopReason !== undefined) throw new Error(member.stopReason)
      const held = code
      const environment = new Environment(
        {
          ...{
            sandboxId,
            spec,
            provisioned: member.provisioned,
            credentials: given.value,
            freshCredentials: () => credentials(spec),
            workerId: this.#parts.workerId,
            runtimeVersion: this.#parts.runtimeVersions.get(spec.runtime),
          },
          ...{ freezeAfterMs: this.#parts.freezeAfterMs, pace: this.#parts.pace },
          ...{ facts: this.#parts.facts, clock: this.#parts.clock, log },
          replacement: (scratch) => this.#parts.specialiser.make(spec, () => undefined, held, scratch),
          extensions: held?.extensions ?? [],
          onIdle: () => this.#idle(member),
          onGone: (reason) => this.#gone(member, reason, held),
        },
        body,
      )
      if (member.provisioned) {
        member.preparing = environment
        if (!(await environment.prepare(Math.max(leastPrepareMs, spec.timeoutMs)))) return
        member.preparing = undefined
      }
      member.environment = environment
      tell(partition, { $case: 'ready', value: { sandboxId } })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      code?.release()
      this.#forget(member)
      if (member.stopReason !== undefined) tell(partition, { $case: 'gone', value: { sandboxId, reason } })
      else {
        log.warn({ err: error, sandboxId, runtime: spec.runtime }, 'an environment could not be started')
        tell(partition, { $case: 'failed', value: { sandboxId, reason, noCapacity: false, initFailed: false } })
      }
      await body?.destroy()
    }
  }

  #idle(member: Member): void {
    member.running = undefined
    const { sandboxId, partition } = member
    for (const id of member.ending.splice(0))
      this.#parts.tell(partition, { $case: 'leaseEnded', value: { sandboxId, id } })
    if (this.#isOld(member)) void Promise.resolve().then(() => this.#endOld(member))
  }

  /** Not while something runs in it, which may have begun meanwhile. */
  #endOld({ environment }: Member): void {
    if (environment && !environment.busy) void environment.stop('it has lived long enough')
  }

  /** Its session credentials are as old as it is, and what it has gathered; AWS ends environments after hours, too. */
  #isOld({ oldAtMs, provisioned, used, spec }: Member): boolean {
    // What waits for SnapStart fetches its credentials when it is restored.
    const waits = provisioned && spec.snapStart && !used
    return !waits && this.#parts.clock.monotonic() >= oldAtMs
  }

  #gone(member: Member, reason: string, code: FunctionCode | undefined): void {
    const { sandboxId, partition, environment, preparing, stopReason } = member
    this.#forget(member)
    if (preparing && stopReason === undefined) {
      const value = { sandboxId, reason: preparing.initFault ?? reason, noCapacity: false, initFailed: true }
      this.#parts.tell(partition, { $case: 'failed', value })
    } else this.#parts.tell(partition, { $case: 'gone', value: { sandboxId, reason } })
    const leaving = ((environment ?? preparing) as Environment).destroyed.then(() => code?.release())
    this.#leaving.add(leaving)
    void leaving.finally(() => this.#leaving.delete(leaving))
  }

  #forget(member: Member): void {
    if (!this.#members.delete(member.sandboxId)) return
    this.gate(member.partition).forget(member.sandboxId)
    this.#promisedMb -= member.spec.memoryMb
    this.#parts.changed()
  }

  /** Promises may be kept only if the longest unused environments go first; false when even that is not enough. */
  #makeRoom(memoryMb: number): boolean {
    const idle = [...this.#members.values()]
      .flatMap(({ environment, spec, provisioned }) =>
        environment && !environment.busy && (!provisioned || spec.snapStart) ? [{ environment, spec }] : [],
      )
      .sort((a, b) => a.environment.idleSinceMs - b.environment.idleSinceMs)
    const reapable = idle.reduce((sum, { spec }) => sum + spec.memoryMb, 0)
    if (this.freeMemoryMb + reapable < memoryMb) return false
    for (const { environment } of idle) {
      if (this.freeMemoryMb >= memoryMb) break
      void environment.stop('memory is needed for others')
    }
    return this.freeMemoryMb >= memoryMb
  }

  #reap(): void {
    const now = this.#parts.clock.monotonic()
    for (const member of this.#members.values()) {
      const { environment } = member
      if (!environment || environment.busy) continue
      if (this.#isOld(member)) this.#endOld(member)
      else if (!isAhead(member) && now - environment.idleSinceMs > this.#parts.idleMs)
        void environment.stop('unused for too long')
    }
    this.#reaper = this.#parts.clock.schedule(Math.min(reapMs, this.#parts.idleMs), () => this.#reap())
  }
}

/** From 0 to below 1, the same for the same sandbox: those that began together do not end together. */
const fractionOf = (sandboxId: string): number =>
  createHash('sha256').update(sandboxId).digest().readUInt32BE() / 2 ** 32

/** It waits, initialised ahead, however long no call comes. */
const isAhead = ({ provisioned, used, spec }: Member): boolean => provisioned && !(spec.snapStart && used)

const notStarted = (seq: bigint, detail: string): RunResult => ({
  ...{ seq, detail, status: RunStatus.RUN_STATUS_NOT_STARTED, payload: Buffer.alloc(0), logTail: '' },
  ...{ sandboxLost: false, restoreFailed: false, durationMs: 0, initDurationMs: 0 },
})
