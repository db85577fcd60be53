import type { LeaderWorker } from '@weft/contracts'
import type { LeaseId, PlacementToDispatcherFrame, PlacementToWorkerFrame } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { KeepWarmPolicy } from './keep-warm.ts'
import { LeasePeak } from './lease-peak.ts'
import type { Ledger, Slot } from './ledger-port.ts'
import type { ProvisionFailure } from './provisioned.ts'
import { LastUses } from './tidy.ts'
import type { LeaseTimings } from './timings.ts'

/** Names one connection of a dispatcher or worker; chosen by the shell, never used twice. */
export type ConnectionId = number

export interface PartitionConfig {
  readonly epoch: number
  /** Workers that may carry leases of earlier epochs; undefined when that is not known. */
  readonly expected: readonly LeaderWorker[] | undefined
  readonly timings: LeaseTimings
  /** Acquires that wait at once; more are refused. */
  readonly maxWaiting: number
  /** Unique over partitions and epochs. */
  readonly newSandboxId: () => string
  /** Where starts go: to the worker with most room, or to the fullest that has any, so that others can be switched off. */
  readonly starts?: 'spread' | 'pack'
  /** Decides about sandboxes without calls. Absent: their workers do. */
  readonly keepWarm?: KeepWarmPolicy
  /** What must at least keep the sandboxes of a function apart; "" or absent: nothing is asked for. */
  readonly isolationOf?: (accountId: string, functionName: string) => string
  /** The account's ledger, always the same one. */
  readonly ledgerOf: (accountId: string) => Ledger
}

export type Decision =
  | { readonly to: 'dispatcher'; readonly connection: ConnectionId; readonly frame: PlacementToDispatcherFrame }
  | { readonly to: 'worker'; readonly connection: ConnectionId; readonly frame: PlacementToWorkerFrame }
  /** Hang up: its owner has come by another connection, or dials again if it has not. */
  | { readonly to: 'close'; readonly connection: ConnectionId }

export interface Account {
  readonly id: string
  readonly ledger: Ledger
  readonly functions: Map<string, FunctionState>
  /** Functions with acquires that have no slot. */
  readonly blocked: Set<FunctionState>
}

export interface FunctionState {
  readonly account: Account
  readonly name: string
  readonly leases: Set<Lease>
  /** Acquires without a slot, oldest first. */
  readonly blocked: Set<Waiter>
  /** Pools of this function; with the last one the function is forgotten. */
  pools: number
}

/** All that serves one sandbox key. */
export interface Pool {
  readonly key: string
  readonly fn: FunctionState
  spec: SandboxSpec
  /** Ready, without a lease, on connected workers; the last one was used last. */
  readonly idle: Sandbox[]
  readonly starting: Set<Sandbox>
  readonly leases: Set<Lease>
  /** Acquires that hold a slot and wait for a sandbox, oldest first. */
  readonly waiters: Set<Waiter>
  /** Leases of other dispatchers that were asked whether they are idle. */
  probing: number
  probeUntil: number
  /** Starts that failed since the last one that worked. */
  failures: number
  backoffUntil: number
  /** Where the last of them failed. */
  avoid: Worker | undefined
  /** Since when a start is wanted and not possible. */
  starvedAt: number
  /** When leases of others were last asked for, for their room. */
  askedForRoomAt: number
  /** A newer revision has taken its place: what is idle is stopped. */
  retired: boolean
  /** Sandboxes to be kept initialised. */
  target: number
  /** Those that there are. */
  readonly provisioned: Set<Sandbox>
  provisionFailures: number
  provisionRetryAt: number
  provisionFailure: ProvisionFailure | undefined
  /** What its worker said of that. */
  provisionFailureReason: string
  /** It waits for the first of them: that may take room from others. */
  urgent: boolean
  /** One has been initialised since they are wanted. */
  everProvisioned: boolean
  /** What must at least keep its sandboxes apart; "": nothing is asked for. */
  isolation: string
  readonly leasePeak: LeasePeak
  /** When a lease was last granted or ended; undefined: none was. */
  lastLeasedAt: number | undefined
  /** How many initialised ones the ledger knows of. */
  toldReady: number
}

export interface Waiter {
  readonly dispatcher: Dispatcher
  readonly seq: bigint
  readonly pool: Pool
  readonly order: number
  /** On the leader's monotonic clock. */
  readonly until: number
  /** Held from the admission on. */
  slot: Slot | undefined
}

export interface Dispatcher {
  readonly connection: ConnectionId
  readonly id: string
  readonly generation: bigint
  readonly waiters: Map<bigint, Waiter>
  readonly leases: Set<Lease>
}

export interface Worker {
  readonly id: string
  /** Undefined while it is away. */
  connection: ConnectionId | undefined
  lostAt: number
  /** Of its latest hello. */
  generation: bigint
  address: string
  /** What fails together: a rack, a site. */
  zone: string
  runtimes: ReadonlySet<string>
  /** Subnets and security groups. */
  networks: ReadonlySet<string>
  /** What keeps its sandboxes apart. */
  isolation: string
  runtimeVersions: ReadonlySet<string>
  memoryMb: number
  /** Starts that it takes at once, and as many initialisations ahead of calls. */
  parallelStarts: number
  starting: number
  provisioning: number
  /** Its own word, which includes sandboxes of other partitions; undefined until it spoke. */
  reportedFreeMb: number | undefined
  /** Of its sandboxes of this partition. */
  promisedMb: number
  /** Of those started since it spoke. */
  unreportedMb: number
  refusedUntil: number
  draining: boolean
  /** Digests of code that it was told to expect, the oldest first. */
  readonly expects: Set<string>
  readonly sandboxes: Set<Sandbox>
  /** How many of them each function has. */
  readonly functions: Map<FunctionState, number>
}

export interface Sandbox {
  readonly id: string
  readonly pool: Pool
  readonly worker: Worker
  /** `stopping`: asked to stop, its memory not free yet. A sandbox with a lease is `leased`. */
  state: 'starting' | 'idle' | 'leased' | 'stopping'
  lease: Lease | undefined
  everLeased: boolean
  /** Of the state, on the leader's monotonic clock. */
  since: number
  /** Kept initialised for its pool's target. */
  provisioned: boolean
  /** Stop it when its lease ends. */
  doomed: boolean
  memoryMb: number
  /** Started since its worker last told its free memory. */
  unreported: boolean
}

export interface Lease {
  readonly id: LeaseId
  readonly sandbox: Sandbox
  readonly fn: FunctionState
  readonly slot: Slot
  /** Undefined: no dispatcher is known to hold it; it is counted until the worker says that nothing runs. */
  holder: Dispatcher | undefined
  orphanedAt: number
  /** EndLease was sent on the worker's present connection. */
  ending: boolean
  /** Once recalled, the answer is a release, now (`asked`) or when the invocation ends (`busy`). */
  recall: 'none' | 'asked' | 'busy'
  /** Asked whether it is idle, not answered. */
  probing: boolean
}

/** Everything a leader knows of its partition. Changed only by the modules of this library. */
export class PartitionState {
  readonly config: PartitionConfig
  /** While true it only listens: workers and dispatchers report what earlier leaders granted. */
  rebuilding = true
  readonly startedAt: number
  readonly lastUses: LastUses | undefined
  readonly accounts = new Map<string, Account>()
  readonly pools = new Map<string, Pool>()
  readonly sandboxes = new Map<string, Sandbox>()
  readonly workers = new Map<string, Worker>()
  readonly workerOf = new Map<ConnectionId, Worker>()
  readonly dispatchers = new Map<ConnectionId, Dispatcher>()
  /** Workers of earlier leaders that have not reported: what may still be leased there, and until when. */
  readonly missing = new Map<string, { readonly slots: number; readonly until: number }>()
  readonly orphans = new Set<Lease>()
  readonly starting = new Set<Sandbox>()
  /** Pools that want a start which is not possible yet, oldest first. */
  readonly starved = new Set<Pool>()
  /** Pools with fewer provisioned sandboxes than they should have. */
  readonly provisioning = new Set<Pool>()
  readonly dirtyAccounts = new Set<Account>()
  readonly dirtyPools = new Set<Pool>()
  waiting = 0
  out: Decision[] = []
  #order = 0
  #leaseNumber = 0n

  constructor(config: PartitionConfig, now: number) {
    this.config = config
    this.startedAt = now
    this.lastUses = config.keepWarm && new LastUses(config.keepWarm)
    const until = now + config.timings.fencedAfterMs
    for (const { workerId, slots } of config.expected ?? []) this.missing.set(workerId, { slots, until })
    if (config.expected?.length === 0) this.rebuilding = false
  }

  get timings(): LeaseTimings {
    return this.config.timings
  }

  nextOrder(): number {
    this.#order += 1
    return this.#order
  }

  nextLeaseId(): LeaseId {
    this.#leaseNumber += 1n
    return { epoch: BigInt(this.config.epoch), number: this.#leaseNumber }
  }

  /** Slots that may be in use on workers that have not reported. */
  withheld(): number {
    let sum = 0
    for (const [workerId, { slots }] of this.missing)
      sum += Math.max(0, slots - (this.workers.get(workerId)?.sandboxes.size ?? 0))
    return sum
  }

  functionOf(accountId: string, name: string): FunctionState {
    let account = this.accounts.get(accountId)
    if (!account) {
      account = { id: accountId, ledger: this.config.ledgerOf(accountId), functions: new Map(), blocked: new Set() }
      this.accounts.set(accountId, account)
    }
    let fn = account.functions.get(name)
    if (!fn) {
      fn = { account, name, leases: new Set(), blocked: new Set(), pools: 0 }
      account.functions.set(name, fn)
    }
    return fn
  }

  poolOf(spec: SandboxSpec): Pool {
    let pool = this.pools.get(spec.sandboxKey)
    if (!pool) {
      pool = {
        key: spec.sandboxKey,
        fn: this.functionOf(spec.accountId, spec.functionName),
        spec,
        idle: [],
        starting: new Set(),
        leases: new Set(),
        waiters: new Set(),
        probing: 0,
        probeUntil: 0,
        failures: 0,
        backoffUntil: 0,
        avoid: undefined,
        starvedAt: Number.POSITIVE_INFINITY,
        askedForRoomAt: Number.NEGATIVE_INFINITY,
        retired: false,
        target: 0,
        provisioned: new Set(),
        provisionFailures: 0,
        provisionRetryAt: 0,
        provisionFailure: undefined,
        provisionFailureReason: '',
        urgent: false,
        leasePeak: new LeasePeak(),
        everProvisioned: false,
        isolation: this.config.isolationOf?.(spec.accountId, spec.functionName) ?? '',
        lastLeasedAt: undefined,
        toldReady: 0,
      }
      pool.fn.pools += 1
      this.pools.set(spec.sandboxKey, pool)
    }
    return pool
  }

  forgetPool(pool: Pool): void {
    if (this.pools.get(pool.key) !== pool) return
    this.pools.delete(pool.key)
    this.starved.delete(pool)
    this.provisioning.delete(pool)
    const { fn } = pool
    fn.pools -= 1
    if (fn.pools > 0) return
    fn.account.functions.delete(fn.name)
    if (fn.account.functions.size === 0) this.accounts.delete(fn.account.id)
  }

  block(waiter: Waiter): void {
    const { fn } = waiter.pool
    fn.blocked.add(waiter)
    fn.account.blocked.add(fn)
    this.dirtyAccounts.add(fn.account)
  }

  unblock(waiter: Waiter): void {
    const { fn } = waiter.pool
    fn.blocked.delete(waiter)
    if (fn.blocked.size === 0) fn.account.blocked.delete(fn)
  }

  tell(dispatcher: Dispatcher, frame: NonNullable<PlacementToDispatcherFrame['frame']>): void {
    this.out.push({ to: 'dispatcher', connection: dispatcher.connection, frame: { frame } })
  }

  hangUp(connection: ConnectionId): void {
    this.out.push({ to: 'close', connection })
  }

  /** Does nothing while the worker is away. */
  tellWorker(worker: Worker, frame: NonNullable<PlacementToWorkerFrame['frame']>): void {
    if (worker.connection === undefined) return
    this.out.push({ to: 'worker', connection: worker.connection, frame: { frame } })
  }
}
