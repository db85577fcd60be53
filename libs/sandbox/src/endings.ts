/** How steps of an environment's life end: in nothing, in another sandbox, or for good. */
import type { FunctionFault } from './documents.ts'
import type {
  EnvironmentDecision,
  EnvironmentEvent,
  EnvironmentState,
  Run,
  RunOutcome,
  Step,
} from './environment-model.ts'
import type { ShutdownReason } from './extensions-api.ts'

const empty = new Uint8Array(0)
export const stay = (state: EnvironmentState): Step => ({ state, decisions: [] })

interface Failure extends FunctionFault {
  readonly run: Run
  readonly durationMs: number
  readonly initMs: number
  readonly status: 'error' | 'timeout'
  readonly reported: RunOutcome['reported']
  readonly streamedBytes?: number
}

export function end(failure: Failure, before: readonly EnvironmentDecision[] = []): Step {
  const { run, document, ...rest } = failure
  const outcome: RunOutcome = { ...rest, requestId: run.requestId, payload: document, lost: false }
  return reset(outcome, failure.status === 'timeout' ? 'timeout' : 'failure', before)
}

export const reset = (outcome: RunOutcome, why: ShutdownReason, before: readonly EnvironmentDecision[] = []): Step => ({
  state: { kind: 'resetting' },
  decisions: [...before, { do: 'finish', outcome }, { do: 'reset', why }],
})

export const platformFailure = (
  run: Run,
  reason: string,
  durationMs: number,
  initMs: number,
  why: ShutdownReason = 'failure',
): Step => ({
  state: { kind: 'gone', reason },
  decisions: [
    {
      do: 'finish',
      outcome: {
        ...{ requestId: run.requestId, status: 'platform-failure', errorType: reason, payload: empty },
        ...{ durationMs, initMs, reported: 'error', lost: true },
      },
    },
    { do: 'destroy', reason, why },
  ],
})

/** The end of an environment that runs nothing. */
export function ending(event: EnvironmentEvent): Step | undefined {
  if (event.kind === 'exited')
    return gone(event.exit.oomKilled ? 'out of memory' : 'the runtime exited while nothing ran', 'failure')
  if (event.kind === 'extension-failed') return gone('an extension failed while nothing ran', 'failure')
  if (event.kind === 'violation' || event.kind === 'failed') return gone(event.reason, 'failure')
  // A fatal error outside an invocation: the end follows.
  return undefined
}

export const gone = (reason: string, why: ShutdownReason): Step => ({
  state: { kind: 'gone', reason },
  decisions: [{ do: 'destroy', reason, why }],
})

const answers: readonly EnvironmentEvent['kind'][] = [
  ...(['ready', 'settled', 'init-error', 'restored', 'restore-error', 'response', 'error', 'oversize'] as const),
  ...(['begin', 'chunk', 'end', 'tick'] as const),
]

/** What a runtime may send at any time; the state decides whether it counts. */
export const isAnswer = (event: EnvironmentEvent): boolean => answers.includes(event.kind)

export function denied(state: EnvironmentState, event: EnvironmentEvent): Step {
  if (isAnswer(event)) return stay(state)
  throw new Error(`an environment that is ${state.kind} takes no "${event.kind}"`)
}
