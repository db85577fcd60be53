import type { IsolationClass, Leader } from '@weft/contracts'
import type { PlacementToWorkerFrame, WorkerFrame } from '@weft/contracts/placement'
import type { LeaseGate } from '@weft/placement'
import type { Channel, Clock, Logger, PlacementDirectory, Random, Timer } from '@weft/platform'
import type { Fleet } from './fleet.ts'

export interface PlacementLinksParts {
  readonly directory: PlacementDirectory
  readonly fleet: Fleet
  readonly hello: {
    readonly workerId: string
    readonly address: string
    readonly zone: string
    readonly runtimes: readonly string[]
    /** `nodejs24.x:24.21.0`. */
    readonly runtimeVersions: readonly string[]
    readonly networks: readonly string[]
    readonly isolation: IsolationClass
    readonly memoryMb: number
    readonly parallelStarts: number
  }
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

interface Link {
  channel: Channel<PlacementToWorkerFrame, WorkerFrame> | undefined
  /** The highest epoch heard of; what an older leader asks for is not done. */
  epoch: bigint
  failures: number
  retry: Timer | undefined
  /** When everything must stop because placement is out of reach. */
  fence: Timer | undefined
}

/** Well below the time after which a worker that placement cannot reach stops everything. */
const backoffMs = { first: 50, most: 1_000 }
/** How long changes of the figures gather before they are told. */
const statsMs = 50

/** How often it looks whether this process was stopped as a whole, ms. */
const awakeMs = 1_000

/** Registers with the leader of every partition, and again with each that follows. */
export class PlacementLinks {
  readonly #parts: PlacementLinksParts
  readonly #links: readonly Link[]
  readonly #unsubscribe: () => void
  #statsTimer: Timer | undefined
  #awakeTimer: Timer | undefined
  #generation = 0n
  #closed = false

  constructor(parts: PlacementLinksParts) {
    this.#parts = parts
    this.#links = Array.from({ length: parts.directory.partitions }, () => ({
      ...{ channel: undefined, retry: undefined, fence: undefined, epoch: 0n, failures: 0 },
    }))
    this.#unsubscribe = parts.directory.onLeader((partition, leader) => {
      const link = this.#links[partition]
      if (!link) return
      link.failures = 0
      this.#gate(partition).leaderVisible(leader?.epoch, this.#parts.clock.monotonic())
      this.#dial(partition, link)
    })
    for (const [partition, link] of this.#links.entries()) this.#dial(partition, link)
    this.#stayAwake()
  }

  /** What is sent while no leader is reached is told by the next hello. */
  tell(partition: number, frame: NonNullable<WorkerFrame['frame']>): void {
    this.#links[partition]?.channel?.send({ frame })
  }

  /** The figures of the worker have changed. */
  changed(): void {
    this.#statsTimer ??= this.#parts.clock.schedule(statsMs, () => {
      this.#statsTimer = undefined
      this.#tellStats()
    })
  }

  /** Partitions whose leader is not reached. */
  unreached(): readonly number[] {
    return [...this.#links.entries()].filter(([, { channel }]) => !channel).map(([partition]) => partition)
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    this.#statsTimer?.cancel()
    this.#awakeTimer?.cancel()
    for (const link of this.#links) {
      link.retry?.cancel()
      link.fence?.cancel()
      link.channel?.close()
    }
  }

  /** After a stop of this process nobody knows what its leases are worth: what runs under them ends, and it reports anew. */
  #stayAwake(): void {
    const { clock, fleet, log } = this.#parts
    this.#awakeTimer = clock.schedule(awakeMs, () => {
      for (const [partition, link] of this.#links.entries()) {
        if (!this.#gate(partition).awake(clock.monotonic())) continue
        log.warn({ partition }, 'this process stood still for too long: what runs under its leases is ended')
        fleet.fence(partition)
        this.#dial(partition, link)
      }
      this.#stayAwake()
    })
  }

  #tellStats(): void {
    for (const [partition] of this.#links.entries()) this.tell(partition, this.#stats())
  }

  #stats(): NonNullable<WorkerFrame['frame']> {
    const { freeMemoryMb, size, draining } = this.#parts.fleet
    return { $case: 'stats', value: { freeMemoryMb: BigInt(Math.floor(freeMemoryMb)), sandboxes: size, draining } }
  }

  /** By the wall clock, so that it grows over restarts; and at every hello, however close they follow. */
  #nextGeneration(): bigint {
    const now = BigInt(Math.floor(this.#parts.clock.now()))
    this.#generation = now > this.#generation ? now : this.#generation + 1n
    return this.#generation
  }

  #dial(partition: number, link: Link): void {
    link.retry?.cancel()
    link.retry = undefined
    const before = link.channel
    link.channel = undefined
    before?.close()
    if (before) this.#gate(partition).contactLost(this.#parts.clock.monotonic())
    if (this.#closed) return
    const leader = this.#parts.directory.leader(partition)
    if (leader) this.#connect(partition, link, leader)
    // A lead that is judged expired for a moment and then renewed is no change that anybody tells of.
    else this.#retry(partition, link)
    this.#fenceInTime(partition, link)
  }

  #connect(partition: number, link: Link, leader: Leader): void {
    const { directory, fleet, hello } = this.#parts
    const channel = directory.dialWorker(partition, leader)
    link.channel = channel
    channel.receive((frame) => {
      if (link.channel === channel) this.#receive(partition, link, frame)
    })
    this.#gate(partition).leaderVisible(leader.epoch, this.#parts.clock.monotonic())
    this.#gate(partition).report(leader.epoch)
    channel.send({
      frame: {
        $case: 'hello',
        value: {
          ...{ workerId: hello.workerId, address: hello.address, zone: hello.zone, partition },
          runtimes: [...hello.runtimes],
          runtimeVersions: [...hello.runtimeVersions],
          networks: [...hello.networks],
          isolation: hello.isolation,
          memoryMb: BigInt(hello.memoryMb),
          parallelStarts: hello.parallelStarts,
          sandboxes: fleet.reports(partition),
          generation: this.#nextGeneration(),
        },
      },
    })
    channel.send({ frame: this.#stats() })
    void channel.closed.then(({ reason }) => {
      if (link.channel !== channel) return
      link.channel = undefined
      this.#gate(partition).contactLost(this.#parts.clock.monotonic())
      this.#fenceInTime(partition, link)
      this.#parts.log.info({ partition, reason }, 'the connection to placement ended')
      this.#retry(partition, link)
    })
  }

  #gate(partition: number): LeaseGate {
    return this.#parts.fleet.gate(partition)
  }

  /** Looks again when the gate says that all must have stopped, unless placement is back by then. */
  #fenceInTime(partition: number, link: Link): void {
    link.fence?.cancel()
    const { clock, fleet, log } = this.#parts
    const at = this.#gate(partition).fenceAt()
    if (at === undefined) return
    link.fence = clock.schedule(at - clock.monotonic(), () => {
      if (!this.#gate(partition).fenced(clock.monotonic())) {
        this.#fenceInTime(partition, link)
        return
      }
      log.warn({ partition }, 'placement was out of reach for too long: what runs under its leases is ended')
      fleet.fence(partition)
    })
  }

  #retry(partition: number, link: Link): void {
    if (this.#closed) return
    link.retry?.cancel()
    const { clock, random } = this.#parts
    const waitMs = Math.min(backoffMs.most, backoffMs.first * 2 ** link.failures)
    link.failures += 1
    link.retry = clock.schedule(waitMs * (0.5 + random() / 2), () => this.#dial(partition, link))
  }

  #receive(partition: number, link: Link, { frame }: PlacementToWorkerFrame): void {
    const { fleet, log } = this.#parts
    const current = (epoch: bigint): boolean => {
      if (epoch > link.epoch) link.epoch = epoch
      if (epoch === link.epoch) return true
      log.warn({ partition, epoch: `${epoch}` }, 'a placement that no longer leads was not obeyed')
      return false
    }
    switch (frame?.$case) {
      case 'welcome':
        link.failures = 0
        // Not the leader we take it for: another look, after a moment.
        if (!current(frame.value.epoch)) link.channel?.close()
        else this.#gate(partition).contact()
        break
      case 'start':
        if (current(frame.value.epoch) && frame.value.spec)
          fleet.start(frame.value.sandboxId, frame.value.spec, frame.value.provisioned)
        break
      case 'stop':
        if (current(frame.value.epoch)) fleet.stop(frame.value.sandboxId, frame.value.reason)
        break
      case 'expect':
        if (frame.value.spec) fleet.expect(frame.value.spec)
        break
      case 'endLease':
        fleet.endLease(partition, frame.value)
        break
      case undefined:
        break
    }
  }
}
