import type { TriggerTarget } from '@weft/contracts'
import type { Clock, Logger } from '@weft/platform'
import { bury, type DeliverDeps, deliver, type Outgoing } from './deliver.ts'

/** After a target that is away for a moment, ms; doubling. */
const backoffMs = { first: 1_000, most: 300_000 }

export interface AttemptsDeps extends DeliverDeps {
  readonly clock: Clock
  readonly log: Logger
}

/** What becomes of something that is sent: it is settled, or to be tried again after a while. */
export type Attempt = { readonly settled: true } | { readonly settled: false; readonly againInMs: number }

const settled: Attempt = { settled: true }

/**
 * Sends things to their targets and counts how often each has failed. What a target never takes, or not in time, goes to
 * its dead-letter target, and where it has none it is dropped, which the log tells.
 */
export class Attempts {
  readonly #deps: AttemptsDeps
  readonly #failures = new Map<string, number>()

  constructor(deps: AttemptsDeps) {
    this.#deps = deps
  }

  /**
   * `sinceMs`: epoch ms from which the target's maximum age counts. `attempt`: which one this is, where the store counts
   * them: other pollers had the ones before, perhaps, and none of them is forgotten with a process.
   */
  async send(outgoing: Outgoing, sinceMs: number, attempt?: number): Promise<Attempt> {
    const { clock } = this.#deps
    const key = `${outgoing.messageId} ${outgoing.target.id}`
    const sent = await deliver(this.#deps, outgoing)
    if (sent.ok) return this.#forget(key)
    const failures = attempt ?? (this.#failures.get(key) ?? 0) + 1
    if (attempt === undefined) this.#failures.set(key, failures)
    const { code, reason, permanent } = sent.error
    const againInMs = Math.min(backoffMs.most, backoffMs.first * 2 ** (failures - 1))
    const condition = permanent
      ? 'NonRetryable'
      : exhausted(outgoing.target, failures, clock.now() + againInMs - sinceMs)
    if (condition === undefined) return { settled: false, againInMs }
    const why = { code, message: reason, condition, retries: failures - 1 }
    const buried = await bury(this.#deps, outgoing, why)
    if (!buried.ok && !buried.error.permanent) return { settled: false, againInMs }
    const { target, from } = outgoing
    const told = { source: from.arn, target: target.arn, code, reason, condition }
    if (target.deadLetterArn === undefined || !buried.ok)
      this.#deps.log.warn(
        { ...told, ...(!buried.ok && { deadLetter: buried.error.reason }) },
        'an event of a rule, schedule or topic was dropped',
      )
    else this.#deps.log.info(told, 'an event of a rule, schedule or topic went to its dead-letter target')
    return this.#forget(key)
  }

  #forget(key: string): Attempt {
    this.#failures.delete(key)
    return settled
  }
}

function exhausted(target: TriggerTarget, failures: number, ageMs: number): string | undefined {
  if (failures > target.maximumRetryAttempts) return 'MaximumRetryAttempts'
  return ageMs > target.maximumEventAgeSeconds * 1_000 ? 'MaximumEventAgeInSeconds' : undefined
}
