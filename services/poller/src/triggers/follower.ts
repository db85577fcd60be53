import type { BusDelivery, BusQueue, TriggerIndex } from '@weft/delivery'
import { delay } from '@weft/platform'
import type { Attempts, AttemptsDeps } from './attempts.ts'
import type { Outgoing } from './deliver.ts'
import { followLogs } from './follow-logs.ts'
import { followNotice } from './follow-notice.ts'
import { followRules, idOfPosted } from './follow-rules.ts'
import { followTopic } from './follow-topic.ts'

export interface FollowerDeps extends AttemptsDeps {
  readonly queue: BusQueue
  readonly triggers: TriggerIndex
  readonly attempts: Attempts
}

const eventsAtOnce = 64
const pullWaitMs = 5_000
const retryMs = 1_000
/** What its targets have in part is remembered, so that those are not sent it again when it comes back. */
const mostRemembered = 10_000

/**
 * Takes events from their buses, messages from their topics and lines from their logs, and sends each to everybody who
 * shall have it. It leaves the queue when every target has it or has been given up on; until then, and after a crash, it
 * comes again.
 */
export class Follower {
  readonly #deps: FollowerDeps
  readonly #running = new Map<BusDelivery, Promise<void>>()
  /** What has been sent already, by the id of the event or message it was made of. */
  readonly #sent = new Map<string, Set<string>>()
  #problem: string | undefined

  constructor(deps: FollowerDeps) {
    this.#deps = deps
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** Until the signal aborts; resolves when what runs has been settled or given back. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue, clock, log } = this.#deps
    let ticker = clock.schedule(queue.holdMs / 3, () => tick())
    const tick = (): void => {
      for (const delivery of this.#running.keys()) void delivery.extend()
      ticker = clock.schedule(queue.holdMs / 3, () => tick())
    }
    while (!signal.aborted) {
      try {
        const room = eventsAtOnce - this.#running.size
        if (room === 0) await Promise.race(this.#running.values())
        else for (const delivery of await queue.pull(room, pullWaitMs, signal)) this.#begin(delivery)
        this.#problem = undefined
      } catch (error) {
        this.#problem = `what was posted cannot be read: ${error instanceof Error ? error.message : error}`
        log.warn({ err: error }, this.#problem)
        await delay(clock, retryMs, signal)
      }
    }
    await Promise.all(this.#running.values())
    ticker.cancel()
  }

  #begin(delivery: BusDelivery): void {
    const done = this.#follow(delivery)
      .catch((error: unknown) => {
        this.#deps.log.warn({ err: error, id: idOf(delivery) }, 'what was posted comes again')
        delivery.release(retryMs)
      })
      .finally(() => this.#running.delete(delivery))
    this.#running.set(delivery, done)
  }

  async #follow(delivery: BusDelivery): Promise<void> {
    const id = idOf(delivery)
    const had = this.#sent.get(id) ?? new Set<string>()
    let againInMs = 0
    for (const outgoing of this.#outgoing(delivery)) {
      if (had.has(outgoing.messageId)) continue
      if (!delivery.held()) return
      const attempt = await this.#deps.attempts.send(outgoing, delivery.storedAtMs, delivery.deliveries)
      if (attempt.settled) had.add(outgoing.messageId)
      else againInMs = Math.max(againInMs, attempt.againInMs)
    }
    if (againInMs === 0) {
      await delivery.done()
      this.#sent.delete(id)
      return
    }
    this.#sent.set(id, had)
    if (this.#sent.size > mostRemembered) {
      const [oldest] = this.#sent.keys()
      if (oldest !== undefined) this.#sent.delete(oldest)
    }
    delivery.release(againInMs)
  }
  #outgoing(delivery: BusDelivery): Iterable<Outgoing> {
    const { posted } = delivery
    switch (posted.kind) {
      case 'event':
        return followRules(this.#deps, posted, delivery)
      case 'message':
        return followTopic(this.#deps, posted)
      case 'notice':
        return followNotice(posted)
      case 'lines':
        return followLogs(this.#deps, posted)
    }
  }
}

function idOf({ posted }: BusDelivery): string {
  switch (posted.kind) {
    case 'event':
      return idOfPosted(posted)
    case 'message':
      return posted.message.id
    case 'notice':
      return posted.notice.id
    case 'lines':
      return String(posted.sequence)
  }
}
