import { type EventRule, ruleArn } from '@weft/contracts'
import {
  type BusDelivery,
  type BusQueue,
  type Pattern,
  parsePattern,
  type TriggerIndex,
  targetInput,
} from '@weft/delivery'
import { delay } from '@weft/platform'
import type { Attempts, AttemptsDeps } from './attempts.ts'

export interface FollowRulesDeps extends AttemptsDeps {
  readonly queue: BusQueue
  readonly triggers: TriggerIndex
  readonly attempts: Attempts
}

const eventsAtOnce = 64
const pullWaitMs = 5_000
const retryMs = 1_000
/** Events whose targets have it in part are remembered, so that those are not sent it again when it comes back. */
const mostRemembered = 10_000

const patterns = new WeakMap<EventRule, Pattern | undefined>()

/** The rule's pattern, read once for as long as the record lives; undefined where a rule has a schedule only. */
function patternOf(rule: EventRule): Pattern | undefined {
  if (!patterns.has(rule)) {
    const parsed = rule.eventPattern === undefined ? undefined : parsePattern(rule.eventPattern)
    patterns.set(rule, parsed?.ok ? parsed.value : undefined)
  }
  return patterns.get(rule)
}

/**
 * Takes events from their buses and sends each to the targets of the rules that match it. An event leaves its bus when
 * every target has it or has been given up on; until then, and after a crash, it comes again.
 */
export class RuleFollower {
  readonly #deps: FollowRulesDeps
  readonly #running = new Map<BusDelivery, Promise<void>>()
  /** Targets that have an event already, by event. */
  readonly #sent = new Map<string, Set<string>>()
  #problem: string | undefined

  constructor(deps: FollowRulesDeps) {
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
        this.#problem = `events of buses cannot be read: ${error instanceof Error ? error.message : error}`
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
        this.#deps.log.warn({ err: error, event: delivery.event.id }, 'an event of a bus comes again')
        delivery.release(retryMs)
      })
      .finally(() => this.#running.delete(delivery))
    this.#running.set(delivery, done)
  }

  async #follow(delivery: BusDelivery): Promise<void> {
    const { accountId, bus, event, storedAtMs } = delivery
    const { triggers, attempts, region } = this.#deps
    const had = this.#sent.get(event.id) ?? new Set<string>()
    let againInMs = 0
    for (const rule of triggers.rules(accountId, bus)) {
      if (!rule.enabled || !patternOf(rule)?.matches(event)) continue
      const context = { ruleArn: ruleArn(region, rule), ruleName: rule.name, ingestedAtMs: storedAtMs }
      for (const target of rule.targets) {
        const messageId = `${event.id}-${rule.name}-${target.id}`
        if (had.has(messageId)) continue
        if (!delivery.held()) return
        const payload = targetInput(target, event, context)
        const attempt = await attempts.send({ of: rule, target, payload, messageId }, storedAtMs)
        if (attempt.settled) had.add(messageId)
        else againInMs = Math.max(againInMs, attempt.againInMs)
      }
    }
    if (againInMs === 0) {
      await delivery.done()
      this.#sent.delete(event.id)
      return
    }
    this.#sent.set(event.id, had)
    if (this.#sent.size > mostRemembered) {
      const [oldest] = this.#sent.keys()
      if (oldest !== undefined) this.#sent.delete(oldest)
    }
    delivery.release(againInMs)
  }
}
