import type { AccountId } from '@weft/contracts'
import type { EventDelivery, EventLane } from '@weft/delivery'
import { type Clock, delay } from '@weft/platform'
import { type RunContext, runEvent } from './run-event.ts'

const pullRetryMs = { first: 250, most: 4_000 }
/**
 * A pull is a round trip however little it brings. What is at hand lasts for longer than this, so that the room of events
 * that end gathers for so long, until it is worth a pull.
 */
const gatherMs = 5

/** Pulls one account's events, fresh ones and retries apart, so that neither waits behind the other. */
export class AccountQueue {
  readonly #context: RunContext
  readonly #stop = new AbortController()
  readonly #lanes: readonly EventLane[]
  readonly #held = new Set<EventDelivery>()
  readonly #problems = new Map<string, string>()
  readonly #loops: readonly Promise<void>[]

  constructor(context: RunContext, account: AccountId, lanes: readonly EventLane[]) {
    this.#context = { ...context, stopping: AbortSignal.any([context.stopping, this.#stop.signal]) }
    this.#lanes = lanes
    this.#loops = lanes.map((lane) => this.#follow(lane, account))
  }

  get held(): ReadonlySet<EventDelivery> {
    return this.#held
  }

  problems(): readonly string[] {
    return [...this.#problems.values()]
  }

  /** Resolves when pulling has stopped and nothing is held. */
  async ended(): Promise<void> {
    await Promise.all(this.#loops)
  }

  /** Pulls no more, lets what runs finish, gives the rest back and closes. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.ended()
    await this.close()
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) await lane[Symbol.asyncDispose]()
  }

  async #follow(lane: EventLane, account: AccountId): Promise<void> {
    const { config, stopping, clock, log } = this.#context
    const room = new Room(config.accountConcurrency + config.lookAhead, Math.ceil(config.lookAhead / 2), clock)
    let failures = 0
    while (!stopping.aborted) {
      try {
        const deliveries = await lane.pull(await room.free(), stopping)
        failures = 0
        this.#problems.delete(lane.name)
        for (const delivery of deliveries) {
          room.take()
          this.#held.add(delivery)
          void this.#run(delivery).finally(() => room.give())
        }
      } catch (error) {
        const waitMs = Math.min(pullRetryMs.most, pullRetryMs.first * 2 ** failures)
        failures++
        // The first failure of a row is often a server that restarts.
        if (failures > 1)
          this.#problems.set(lane.name, `events of account ${account} cannot be pulled from ${lane.name}`)
        log.warn({ err: error, lane: lane.name, waitMs }, 'events cannot be pulled')
        await delay(clock, waitMs, stopping)
      }
    }
    await room.empty()
  }

  async #run(delivery: EventDelivery): Promise<void> {
    try {
      await runEvent(this.#context, delivery)
    } catch (error) {
      // A defect must not lose the event nor spin on it: it comes back when the hold ends.
      this.#context.log.error({ err: error, requestId: delivery.event.requestId }, 'an event was not carried out')
    } finally {
      this.#held.delete(delivery)
    }
  }
}

/** Counts what a lane holds; `free` waits until there is room for something worth a pull. */
class Room {
  readonly #size: number
  readonly #worthAPull: number
  readonly #clock: Clock
  #used = 0
  #waiters: (() => void)[] = []

  constructor(size: number, worthAPull: number, clock: Clock) {
    this.#size = size
    this.#worthAPull = worthAPull
    this.#clock = clock
  }

  take(): void {
    this.#used++
  }

  give(): void {
    this.#used--
    for (const wake of this.#waiters.splice(0)) wake()
  }

  async free(): Promise<number> {
    while (this.#used >= this.#size) await this.#change()
    if (this.#size - this.#used < this.#worthAPull) await delay(this.#clock, gatherMs)
    return this.#size - this.#used
  }

  async empty(): Promise<void> {
    while (this.#used > 0) await this.#change()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }
}
