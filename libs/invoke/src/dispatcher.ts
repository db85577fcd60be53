import type { AccountId, InvokeCall, InvokeOutcome, Invoker } from '@weft/contracts'
import type { Lease, RateLimited } from '@weft/contracts/placement'
import {
  type Clock,
  delay,
  type Logger,
  type PlacementDirectory,
  partitionOf,
  type Random,
  silentLogger,
  type Timer,
  tracedInvoker,
  type WorkerDirectory,
} from '@weft/platform'
import type { DispatcherConfig } from './config.ts'
import { DispatcherCore } from './core.ts'
import { PartitionLink } from './partition-link.ts'
import { RateMeter, ratePoolOf, rateReason } from './rate-meter.ts'
import { specOf, whyNotRunnable } from './spec.ts'
import { activeTrace } from './trace-header.ts'
import { WorkerLink } from './worker-link.ts'

export interface DispatcherOptions {
  /** Unique among living dispatchers: the service's instance id. */
  readonly id: string
  /** For the sandboxes' specification. */
  readonly region: string
  readonly placement: PlacementDirectory
  readonly workers: WorkerDirectory
  readonly clock: Clock
  readonly random: Random
  readonly log?: Logger
  /** An idle lease is given back after this time. 500 by default. */
  readonly idleLeaseMs?: number
  /** A call waits this long for a busy lease at hand before it asks for another sandbox. 30 by default. */
  readonly patienceMs?: number
  /** Calls that wait for sandboxes at once. 10,000 by default. */
  readonly maxWaiting?: number
  /** Whether an account has a limit on the rate of its synchronous calls. Absent: none has. */
  readonly hasRate?: (account: AccountId) => boolean
  /** At the end, running calls are waited for this long. 25,000 by default. */
  readonly drainMs?: number
}

/**
 * About what a cold call from a stem takes, measured at the client: to wait longer for a warm sandbox would be slower than
 * to start another, to wait less would start sandboxes that are ready only when the burst is over.
 */
const defaultPatienceMs = 30
/** Calls under a rate are told of so often, ms: so long more may be let in than the rate allows, which is owed then. */
const rateMs = 10

/** The one door to running code. Disposing it waits for what runs, then gives every lease back. */
export interface Dispatcher extends Invoker, AsyncDisposable {
  problems(): readonly string[]
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const dispatcher = new ChannelDispatcher(options)
  return {
    ...tracedInvoker(dispatcher),
    problems: () => dispatcher.problems(),
    [Symbol.asyncDispose]: () => dispatcher[Symbol.asyncDispose](),
  }
}

/** Connects the core to channels, promises and one timer. */
class ChannelDispatcher implements Dispatcher {
  readonly #options: DispatcherOptions
  readonly #core: DispatcherCore
  readonly #log: Logger
  readonly #partitions = new Map<number, PartitionLink>()
  readonly #workers = new Map<string, WorkerLink>()
  readonly #partitionOfAccount = new Map<string, number>()
  readonly #unsubscribe: () => void
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  readonly #rates = new RateMeter()
  #rateTimer: Timer | undefined
  #closed = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const config: DispatcherConfig = {
      id: options.id,
      idleLeaseMs: options.idleLeaseMs ?? 500,
      patienceMs: options.patienceMs ?? defaultPatienceMs,
      maxWaiting: options.maxWaiting ?? 10_000,
      maxNotStarted: 3,
    }
    this.#core = new DispatcherCore(
      config,
      {
        toPlacement: (partition, frame) => this.#linkTo(partition)?.send(frame),
        toWorker: (door, lease, frame) => this.#workerLink(door, lease).send(frame),
      },
      (accountId) => this.#partition(accountId as AccountId),
    )
    this.#unsubscribe = options.placement.onLeader((partition, leader) =>
      this.#partitions.get(partition)?.leaderChanged(leader),
    )
  }

  invoke(asked: InvokeCall, signal?: AbortSignal): Promise<InvokeOutcome> {
    const call = this.#traced(asked)
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve({ kind: 'platform-error', detail: 'the caller gave up', mayHaveRun: false })
        return
      }
      const notRunnable = whyNotRunnable(call.target.version)
      if (notRunnable !== undefined) {
        resolve({ kind: 'platform-error', detail: notRunnable, mayHaveRun: false })
        return
      }
      // Whoever asks has checked this; an environment that two tenants share must not come of a mistake.
      if ((call.target.record.tenancy === undefined) !== (call.tenantId === undefined)) {
        const detail = 'the call names no tenant, or one that its function does not know'
        resolve({ kind: 'platform-error', detail, mayHaveRun: false })
        return
      }
      const limited = this.#overRate(call)
      if (limited) {
        resolve(limited)
        return
      }
      const spec = specOf(call.target, this.#options.region, call.tenantId)
      const now = this.#options.clock.monotonic()
      if (!signal) this.#core.invoke(call, spec, resolve, now)
      else {
        const abort = (): void => {
          if (pending) this.#core.abort(pending)
        }
        const done = (outcome: InvokeOutcome): void => {
          signal.removeEventListener('abort', abort)
          resolve(outcome)
        }
        const pending = this.#core.invoke(call, spec, done, now)
        // Of a call that runs only a streamed answer can still be cut short.
        if (pending?.state === 'waiting' || (pending?.state === 'running' && call.sink))
          signal.addEventListener('abort', abort, { once: true })
      }
      this.#settled()
    })
  }

  /** Counts a synchronous call of an account with a rate; how it is refused when the rate is used up. */
  #overRate({ source, target }: InvokeCall): InvokeOutcome | undefined {
    const { hasRate, clock } = this.#options
    if (source !== 'sync' || !hasRate?.(target.record.accountId)) return undefined
    const pool = ratePoolOf(target)
    const waitMs = this.#rates.spend(pool, clock.monotonic())
    if (waitMs > 0)
      return { kind: 'throttled', reason: rateReason(pool), retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) }
    this.#rateTimer ??= clock.schedule(rateMs, () => {
      this.#rateTimer = undefined
      for (const value of this.#rates.take())
        this.#linkTo(this.#partition(value.accountId as AccountId))?.send({ frame: { $case: 'spent', value } })
    })
    return undefined
  }

  /** With active tracing every call belongs to a trace. */
  #traced(call: InvokeCall): InvokeCall {
    if (call.target.version.tracingMode !== 'Active') return call
    const { clock, random } = this.#options
    const random96 = (): string => Array.from({ length: 24 }, () => Math.floor(random() * 16).toString(16)).join('')
    return { ...call, traceHeader: activeTrace(call.traceHeader, clock.now(), random96) }
  }

  problems(): readonly string[] {
    return this.#core
      .waitingPartitions()
      .filter((partition) => !this.#partitions.get(partition)?.connected)
      .map((partition) => `calls wait for placement partition ${partition}, which has no leader in reach`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { clock, drainMs = 25_000 } = this.#options
    this.#core.close()
    const until = clock.monotonic() + drainMs
    while (this.#core.running > 0 && clock.monotonic() < until) await delay(clock, 20)
    if (this.#core.running > 0) this.#log.warn({ running: this.#core.running }, 'calls still run at the end')
    this.#unsubscribe()
    this.#timer?.cancel()
    this.#rateTimer?.cancel()
    for (const link of this.#partitions.values()) link.stop()
    for (const link of this.#workers.values()) link.close()
  }

  /** Undefined while the link is being made: its first words are the hello, which says it all. */
  #linkTo(partition: number): PartitionLink | undefined {
    const known = this.#partitions.get(partition)
    if (known) return known
    const { placement: directory, clock, random } = this.#options
    const rates = { rateLimited: (limit: RateLimited) => this.#rates.limited(limit, clock.monotonic()) }
    const deps = { core: this.#core, directory, clock, random, settled: () => this.#settled(), ...rates }
    const link = new PartitionLink(deps, partition)
    // Known before it dials: dialling sends through it what waits already.
    this.#partitions.set(partition, link)
    link.dial()
    return undefined
  }

  #workerLink(door: string, lease: Lease): WorkerLink {
    const known = this.#workers.get(door)
    if (known) return known
    const { clock } = this.#options
    const link = new WorkerLink(lease.workerId, lease.workerAddress, this.#options.workers, {
      dispatcherId: this.#options.id,
      onFrame: (frame) => {
        this.#core.workerFrame(door, frame, clock.monotonic())
        this.#settled()
      },
      onLost: (opened) => {
        this.#workers.delete(door)
        this.#log.info({ workerId: lease.workerId, address: lease.workerAddress, opened }, 'worker connection lost')
        this.#core.workerLost(door, opened, clock.monotonic())
        this.#settled()
      },
    })
    this.#workers.set(door, link)
    return link
  }

  #partition(account: AccountId): number {
    let partition = this.#partitionOfAccount.get(account)
    if (partition === undefined) {
      partition = partitionOf(account, this.#options.placement.partitions)
      this.#partitionOfAccount.set(account, partition)
    }
    return partition
  }

  /** One timer for all calls and leases: moved only when something is due earlier than it fires. */
  #settled(): void {
    const { dueAt } = this.#core
    if (dueAt >= this.#timerAt || this.#closed) return
    this.#timer?.cancel()
    this.#timerAt = dueAt
    const { clock } = this.#options
    this.#timer = clock.schedule(dueAt - clock.monotonic(), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#core.tick(clock.monotonic())
      this.#settled()
    })
  }
}
