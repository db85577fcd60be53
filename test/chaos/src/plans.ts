import type { InvokeOutcome } from '@weft/contracts'

/** What becomes of the runs of an event, and how it must end. */
interface Plan {
  /** Of the run with this number, 1 for the first; throttled runs are counted by `tries`. */
  readonly run: (attempt: number, tries: number) => 'ok' | 'fail' | 'time-out' | 'sandbox-killed' | 'throttle' | 'slow'
  readonly condition: 'Success' | 'RetriesExhausted'
  /** Runs that it takes, throttled ones not counted. */
  readonly runs: number
}

const failing =
  (times: number): Plan['run'] =>
  (attempt) =>
    attempt <= times ? 'fail' : 'ok'

export const plans = {
  ok: { run: () => 'ok', condition: 'Success', runs: 1 },
  slow: { run: () => 'slow', condition: 'Success', runs: 1 },
  'fail once': { run: failing(1), condition: 'Success', runs: 2 },
  'fail twice': { run: failing(2), condition: 'Success', runs: 3 },
  'always fail': { run: () => 'fail', condition: 'RetriesExhausted', runs: 3 },
  'time out once': { run: (attempt) => (attempt === 1 ? 'time-out' : 'ok'), condition: 'Success', runs: 2 },
  'kill the sandbox once': {
    run: (attempt) => (attempt === 1 ? 'sandbox-killed' : 'ok'),
    condition: 'Success',
    runs: 2,
  },
  'throttle twice': { run: (_, tries) => (tries <= 2 ? 'throttle' : 'ok'), condition: 'Success', runs: 1 },
} as const satisfies Record<string, Plan>

export type PlanName = keyof typeof plans
export const planNames = Object.keys(plans) as readonly PlanName[]

/** Payload of an event or record. */
export interface Planned {
  readonly id: string
  readonly plan: PlanName
}

const answer = (kind: 'succeeded' | 'function-error', errorType: string): InvokeOutcome => ({
  kind,
  payload: new TextEncoder().encode(kind === 'succeeded' ? 'null' : '{"errorMessage":"as planned"}'),
  executedVersion: '$LATEST',
  errorType,
  logTail: '',
  durationMs: 1,
  initDurationMs: 0,
})

/** What an invoker says of a run; `waitMs` before it answers. */
export function outcomeOf(step: ReturnType<Plan['run']>): { readonly outcome: InvokeOutcome; readonly waitMs: number } {
  switch (step) {
    case 'ok':
      return { outcome: answer('succeeded', ''), waitMs: 5 }
    case 'slow':
      return { outcome: answer('succeeded', ''), waitMs: 700 }
    case 'fail':
      return { outcome: answer('function-error', 'Error'), waitMs: 5 }
    case 'time-out':
      return { outcome: answer('function-error', 'Sandbox.Timedout'), waitMs: 400 }
    case 'sandbox-killed':
      return {
        outcome: { kind: 'platform-error', detail: 'the sandbox was killed', mayHaveRun: true },
        waitMs: 50,
      }
    case 'throttle':
      return {
        outcome: { kind: 'throttled', reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: 1 },
        waitMs: 1,
      }
  }
}
