import type { Leader } from '@weft/contracts'
import {
  DenialReason,
  type DispatcherFrame,
  type PlacementToDispatcherFrame,
  type RateLimited,
} from '@weft/contracts/placement'
import type { Channel, Clock, PlacementDirectory, Random, Timer } from '@weft/platform'
import type { DispatcherCore } from './core.ts'

/** Wait before the second and later dials of one leader, ms: doubling from the first to the second value. */
const redialMs = { first: 20, most: 1_000 }

export interface LinkDeps {
  readonly core: DispatcherCore
  readonly directory: PlacementDirectory
  readonly clock: Clock
  readonly random: Random
  readonly settled: () => void
  readonly rateLimited: (limit: RateLimited) => void
}

/**
 * The connection to the leader of one partition, dialled when it is first needed and kept: a new leader learns from it
 * which leases are held. Losing it changes nothing for the leases at hand.
 */
export class PartitionLink {
  readonly #deps: LinkDeps
  readonly #partition: number
  #channel: Channel<PlacementToDispatcherFrame, DispatcherFrame> | undefined
  #epoch = 0
  #failures = 0
  #redial: Timer | undefined
  #stopped = false

  constructor(deps: LinkDeps, partition: number) {
    this.#deps = deps
    this.#partition = partition
  }

  get connected(): boolean {
    return this.#channel !== undefined
  }

  send(frame: DispatcherFrame): void {
    this.#channel?.send(frame)
  }

  leaderChanged(leader: Leader | undefined): void {
    // Without a leader the old connection, if it still stands, does no harm: a placement that has lost the lead hangs up.
    if (!leader || (this.#channel && leader.epoch === this.#epoch)) return
    this.#hangUp()
    this.#failures = 0
    this.dial()
  }

  stop(): void {
    this.#stopped = true
    this.#hangUp()
  }

  /** Connects to the leader, now or as soon as there is one. */
  dial(): void {
    const { core, directory, clock } = this.#deps
    this.#redial?.cancel()
    this.#redial = undefined
    const leader = directory.leader(this.#partition)
    if (this.#stopped) return
    if (!leader) {
      // A lead that is judged expired for a moment and then renewed is no change that anybody tells of.
      this.#dialLater()
      return
    }
    const channel = directory.dialDispatcher(this.#partition, leader)
    this.#channel = channel
    this.#epoch = leader.epoch
    channel.send({ frame: { $case: 'hello', value: core.hello(this.#partition) } })
    core.resend(this.#partition, clock.monotonic())
    channel.receive((frame) => {
      if (this.#channel === channel) this.#receive(frame)
    })
    void channel.closed.then(() => {
      if (this.#channel !== channel) return
      this.#channel = undefined
      this.#dialLater()
    })
  }

  #receive(frame: PlacementToDispatcherFrame): void {
    const { core, clock, settled } = this.#deps
    if (frame.frame?.$case === 'welcome') this.#failures = 0
    if (frame.frame?.$case === 'rateLimited') this.#deps.rateLimited(frame.frame.value)
    const denied = frame.frame?.$case === 'denied' ? frame.frame.value.reason : undefined
    core.placementFrame(this.#partition, frame, clock.monotonic())
    settled()
    if (denied !== DenialReason.DENIAL_REASON_NOT_LEADER) return
    this.#hangUp()
    this.#dialLater()
  }

  #dialLater(): void {
    if (this.#stopped || this.#redial) return
    const { clock, random } = this.#deps
    const waitMs = Math.min(redialMs.most, redialMs.first * 2 ** Math.min(10, this.#failures))
    this.#failures += 1
    this.#redial = clock.schedule(waitMs * (0.5 + random()), () => {
      this.#redial = undefined
      if (!this.#channel) this.dial()
    })
  }

  #hangUp(): void {
    this.#redial?.cancel()
    this.#redial = undefined
    const channel = this.#channel
    this.#channel = undefined
    channel?.close()
  }
}
