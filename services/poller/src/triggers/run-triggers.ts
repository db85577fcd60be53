import type { AccountId, TriggerRecord } from '@weft/contracts'
import type { ArchiveStore, BusBacklog, BusPublisher, BusQueue, MappingLeases, TriggerIndex } from '@weft/delivery'
import type { Store } from '@weft/registry'
import { Attempts, type AttemptsDeps } from './attempts.ts'
import { Follower } from './follower.ts'
import { Replayer } from './replayer.ts'
import { ScheduleClock } from './schedule-clock.ts'

export interface TriggersDeps extends AttemptsDeps {
  readonly queue: BusQueue
  readonly logQueue: BusQueue
  readonly triggers: TriggerIndex
  readonly store: Store<TriggerRecord>
  readonly leases: MappingLeases
  readonly archives: ArchiveStore
  readonly buses: BusPublisher & BusBacklog
  readonly isOpen: (account: AccountId) => boolean
}

export interface RunningTriggers {
  problems(): readonly string[]
  /** Resolves when all have come to their end after the signal. */
  readonly done: Promise<unknown>
}

/** Sends what was put on buses and topics, and log lines, to who shall have it, runs the clock of all schedules, and replays, until the signal aborts. */
export function runTriggers(deps: TriggersDeps, signal: AbortSignal): RunningTriggers {
  const attempts = new Attempts(deps)
  const follower = new Follower({ ...deps, attempts })
  const logs = new Follower({ ...deps, queue: deps.logQueue, attempts })
  const clock = new ScheduleClock({ ...deps, attempts })
  const replayer = new Replayer(deps)
  return {
    problems: () =>
      [follower.problem, logs.problem, clock.problem, replayer.problem].filter((one) => one !== undefined),
    done: Promise.all([follower.run(signal), logs.run(signal), clock.run(signal), replayer.run(signal)]),
  }
}
