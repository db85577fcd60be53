import {
  type AccountId,
  accountId,
  type CapacityAnnouncement,
  type FunctionName,
  type FunctionRecord,
  isFunctionName,
  type Leader,
  type LeaderWorker,
  type SnapStartEntry,
  sandboxKey,
} from '@weft/contracts'
import type {
  DispatcherFrame,
  DispatcherHello,
  PlacementToDispatcherFrame,
  PlacementToWorkerFrame,
  WorkerFrame,
  WorkerHello,
} from '@weft/contracts/placement'
import {
  type ConnectionId,
  type KeepWarmPolicy,
  type LeaderBoard,
  LeasePartition,
  type LeaseTimings,
  type PartitionCounts,
  type PartitionEvent,
} from '@weft/placement'
import { type Channel, type Clock, type Logger, partitionOf, type Timer } from '@weft/platform'
import type { Catalogue, CatalogueChange, Collection, ProvisionedBook, Store } from '@weft/registry'
import { isolationNeeded } from './isolation-needed.ts'
import { Ledgers } from './ledgers.ts'
import { NewCode } from './new-code.ts'
import { ProvisionedKeeper } from './provisioned-keeper.ts'
import { ProvisionedScaler } from './scaling/scaler.ts'
import { SnapStartKeeper } from './snap-start-keeper.ts'
import { WantedAhead } from './wanted-ahead.ts'

export type DispatcherChannel = Channel<DispatcherFrame, PlacementToDispatcherFrame>
export type WorkerChannel = Channel<WorkerFrame, PlacementToWorkerFrame>

export interface LeadDeps {
  readonly leaders: LeaderBoard
  readonly catalogue: Catalogue
  readonly clock: Clock
  readonly log: Logger
  readonly timings: LeaseTimings
  readonly maxWaiting: number
  readonly newSandboxId: () => string
  readonly partitions: number
  readonly region: string
  readonly provisionedBook: ProvisionedBook
  /** How far versions with SnapStart are. */
  readonly snapStarts: Collection<SnapStartEntry>
  /** Where the capacity of functions that scale is changed. */
  readonly functions: Store<FunctionRecord>
  readonly starts?: 'spread' | 'pack'
  /** Tells who adds and takes away workers. */
  readonly announce?: (partition: number, announcement: CapacityAnnouncement) => void
  /** A policy for each lead: it counts from the lead's beginning. Absent: workers decide. */
  readonly keepWarm?: () => KeepWarmPolicy
  /** The lead is over; nothing was granted since it came in doubt. */
  readonly onEnd: (lead: Lead) => void
}

const tickMs = 50

/**
 * One lead of one partition, from the claim to its end. It acts only as long as it can be sure to lead: a renewal must
 * have been sent within two thirds of the board's time to live and have succeeded, by the monotonic clock. So a process
 * that was stopped for a while finds out before it grants anything.
 */
export class Lead {
  readonly partition: number
  readonly #deps: LeadDeps
  readonly #core: LeasePartition
  readonly #ledgers: Ledgers
  readonly #provisioned: ProvisionedKeeper
  readonly #newCode: NewCode
  readonly #snapStarts: SnapStartKeeper
  readonly #scaler: ProvisionedScaler
  readonly #dispatchers = new Map<ConnectionId, DispatcherChannel>()
  readonly #workers = new Map<ConnectionId, WorkerChannel>()
  /** Workers whose hello waits until they are remembered on the board. */
  readonly #joining = new Map<string, LeaderWorker>()
  #leader: Leader
  #remembered: ReadonlySet<string>
  #renewedAt: number
  #renewing: Promise<void> | undefined
  #renewTimer: Timer | undefined
  #tickTimer: Timer | undefined
  #nextConnection = 1
  #ended = false

  /** `claimedAt`: monotonic ms from before the claim was sent. */
  constructor(partition: number, leader: Leader, claimedAt: number, deps: LeadDeps) {
    this.partition = partition
    this.#deps = deps
    this.#leader = leader
    this.#renewedAt = claimedAt
    this.#remembered = new Set(leader.workers?.map((w) => w.workerId))
    this.#ledgers = new Ledgers(deps.catalogue)
    this.#core = new LeasePartition(
      {
        epoch: leader.epoch,
        expected: leader.workers,
        timings: deps.timings,
        maxWaiting: deps.maxWaiting,
        newSandboxId: deps.newSandboxId,
        ...(deps.starts && { starts: deps.starts }),
        ...(deps.keepWarm && { keepWarm: deps.keepWarm() }),
        ledgerOf: (id) => this.#ledgers.of(id),
        isolationOf: (id, name) => isolationNeeded(deps.catalogue, id, name),
      },
      deps.clock.monotonic(),
    )
    const ahead = new WantedAhead((id, functionName, targets) =>
      this.#handle({ kind: 'provisioned-changed', accountId: id, functionName, targets }),
    )
    this.#newCode = new NewCode(deps.catalogue, deps.region)
    this.#provisioned = new ProvisionedKeeper({
      ...{ catalogue: deps.catalogue, book: deps.provisionedBook, region: deps.region, epoch: leader.epoch },
      ...{ clock: deps.clock, log: deps.log },
      wanted: ahead.for('provisioned concurrency'),
      counts: (id, functionName) => this.#core.provisioned(id, functionName),
    })
    this.#snapStarts = new SnapStartKeeper({
      ...{ catalogue: deps.catalogue, entries: deps.snapStarts, region: deps.region, epoch: leader.epoch },
      ...{ clock: deps.clock, log: deps.log },
      wanted: ahead.for('SnapStart'),
      counts: (id, functionName) => this.#core.provisioned(id, functionName),
    })
    this.#scaler = new ProvisionedScaler({
      ...{ catalogue: deps.catalogue, functions: deps.functions, region: deps.region, newId: deps.newSandboxId },
      ...{ clock: deps.clock, log: deps.log },
      counts: (id, functionName) => this.#core.provisioned(id, functionName),
    })
    this.#renewLater()
    for (const { accountId: id } of deps.catalogue.accounts())
      if (partitionOf(id, deps.partitions) === partition)
        for (const { functionName } of deps.catalogue.functions(id)) this.#ownFunctionChanged(id, functionName)
    this.#tickLater()
  }

  get ended(): boolean {
    return this.#ended
  }

  get epoch(): number {
    return this.#leader.epoch
  }

  counts(): PartitionCounts {
    return this.#core.counts()
  }

  attachDispatcher(channel: DispatcherChannel, hello: DispatcherHello): (frame: DispatcherFrame) => void {
    const connection = this.#nextConnection++
    this.#dispatchers.set(connection, channel)
    void channel.closed.then(() => {
      if (this.#dispatchers.delete(connection)) this.#handle({ kind: 'dispatcher-lost', connection })
    })
    this.#handle({ kind: 'dispatcher-hello', connection, hello })
    return (frame) => this.#handle({ kind: 'dispatcher-frame', connection, frame })
  }

  /** Resolves when the worker takes part, or never will. */
  async attachWorker(channel: WorkerChannel, hello: WorkerHello): Promise<(frame: WorkerFrame) => void> {
    const { workerId } = hello
    this.#joining.set(workerId, { workerId, slots: Math.floor(Number(hello.memoryMb) / 128) })
    while (!this.#ended && !this.#remembered.has(workerId)) await this.#renew()
    this.#joining.delete(workerId)
    const connection = this.#nextConnection++
    this.#workers.set(connection, channel)
    if (this.#ended) channel.close()
    this.#handle({ kind: 'worker-hello', connection, hello })
    void channel.closed.then(() => {
      if (this.#workers.delete(connection)) this.#handle({ kind: 'worker-lost', connection })
    })
    return (frame) => this.#handle({ kind: 'worker-frame', connection, frame })
  }

  catalogueChanged(change: CatalogueChange): void {
    const [account, name] = change.key.split('.')
    if (!account || change.kind === 'mapping') return
    const limits = change.kind === 'function' || change.kind === 'account'
    if (limits && this.#ledgers.refresh(account)) this.#handle({ kind: 'limits-changed', accountId: account })
    if (limits) this.#handle({ kind: 'isolation-changed', accountId: account, functionName: name })
    if (change.kind === 'account' || !name || !isFunctionName(name)) return
    // An alias says where calls go, not what may run.
    if (change.kind !== 'alias') this.#functionChanged(accountId(account), name)
    if (partitionOf(accountId(account), this.#deps.partitions) === this.partition)
      this.#ownFunctionChanged(accountId(account), name)
  }

  #ownFunctionChanged(account: AccountId, name: FunctionName): void {
    this.#provisioned.changed(account, name)
    this.#snapStarts.changed(account, name)
    this.#scaler.changed(account, name)
    const spec = this.#newCode.changed(account, name)
    if (spec) this.#handle({ kind: 'function-expected', spec })
  }

  /** Ends the lead by choice, so that another can claim at once. */
  async resign(): Promise<void> {
    const leader = { ...this.#leader, workers: this.#workersToRemember() }
    this.#end('resigned')
    // A renewal that is still under way must not write after the resignation.
    await this.#renewing
    await this.#deps.leaders.resign(this.partition, leader)
  }

  #functionChanged(account: AccountId, name: FunctionName): void {
    const { catalogue } = this.#deps
    const record = catalogue.function(account, name)
    const current = record ? [record.latest, ...catalogue.versions(account, name)] : []
    const currentKeys = new Set(current.map((one) => sandboxKey(account, name, one.version, one.revisionId)))
    this.#handle({ kind: 'function-changed', accountId: account, functionName: name, currentKeys })
  }

  #handle(event: PartitionEvent): void {
    if (this.#ended) return
    const now = this.#deps.clock.monotonic()
    if (now >= this.#actsUntil()) {
      this.#end('the lead could not be renewed in time')
      return
    }
    for (const decision of this.#core.handle(event, now)) {
      if (decision.to === 'dispatcher') this.#dispatchers.get(decision.connection)?.send(decision.frame)
      else if (decision.to === 'worker') this.#workers.get(decision.connection)?.send(decision.frame)
      else this.#hangUp(decision.connection)
    }
    this.#tickLater()
  }

  #hangUp(connection: ConnectionId): void {
    const channel = this.#dispatchers.get(connection) ?? this.#workers.get(connection)
    this.#dispatchers.delete(connection)
    this.#workers.delete(connection)
    channel?.close()
  }

  #actsUntil(): number {
    return this.#renewedAt + (this.#deps.leaders.ttlMs * 2) / 3
  }

  #tickLater(): void {
    if (this.#ended || this.#tickTimer || !this.#core.restless) return
    this.#tickTimer = this.#deps.clock.schedule(tickMs, () => {
      this.#tickTimer = undefined
      this.#handle({ kind: 'tick' })
    })
  }

  #renewLater(): void {
    const { clock, leaders } = this.#deps
    this.#renewTimer = clock.schedule(leaders.ttlMs / 3, () => {
      if (clock.monotonic() >= this.#actsUntil()) {
        this.#end('the lead could not be renewed in time')
        return
      }
      this.#ledgers.forgetIdle(clock.monotonic())
      this.#handle({ kind: 'tidy' })
      this.#announce()
      void this.#renew()
      this.#renewLater()
    })
  }

  #announce(): void {
    const { announce, clock } = this.#deps
    const { instanceId } = this.#leader
    announce?.(this.partition, { instanceId, atMs: clock.now(), ...this.#core.counts(), accounts: this.#core.usage() })
  }

  /** One renewal at a time; never rejects. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renewOnce(): Promise<void> {
    const { leaders, clock, log } = this.#deps
    const sentAt = clock.monotonic()
    const workers = this.#workersToRemember()
    try {
      const renewed = await leaders.renew(this.partition, { ...this.#leader, workers })
      if (!renewed.ok) {
        this.#end('another placement has claimed the lead')
        return
      }
      this.#leader = renewed.value
      this.#renewedAt = sentAt
      this.#remembered = new Set(workers.map((w) => w.workerId))
    } catch (error) {
      log.warn({ err: error, partition: this.partition }, 'the lead could not be renewed')
      await new Promise<void>((resolve) => clock.schedule(leaders.ttlMs / 20, resolve))
      // The lead ends by itself when no attempt succeeds in time.
      if (!this.#ended) await this.#renewOnce()
    }
  }

  #workersToRemember(): readonly LeaderWorker[] {
    const list = new Map(this.#core.workersToRemember().map((w) => [w.workerId, w]))
    for (const worker of this.#joining.values()) list.set(worker.workerId, worker)
    return [...list.values()]
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#renewTimer?.cancel()
    this.#tickTimer?.cancel()
    this.#provisioned.stop()
    this.#snapStarts.stop()
    this.#scaler.stop()
    this.#deps.log.info({ partition: this.partition, epoch: this.epoch, reason }, 'lead ended')
    for (const channel of [...this.#dispatchers.values(), ...this.#workers.values()]) channel.close()
    this.#dispatchers.clear()
    this.#workers.clear()
    this.#deps.onEnd(this)
  }
}
