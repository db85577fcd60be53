/** SnapStart: what an initialised environment does before its first invocation. */
import { brokenProtocol, errorTypeOf, exited } from './documents.ts'
import { denied, gone, isAnswer, platformFailure, stay } from './endings.ts'
import type { EnvironmentDecision, EnvironmentEvent, Restoring, Run, RunOutcome, Step } from './environment-model.ts'

const empty = new Uint8Array(0)

/** Of restoring and the hooks after it (Lambda developer guide, snapstart-runtime-hooks), ms. */
const restoreTimeoutMs = 10_000

/** Within the function's timeout where that runs already. */
export function restore(run: Run, initMs: number, now: number, runSinceMs?: number): Step {
  const limitMs = runSinceMs === undefined ? Number.POSITIVE_INFINITY : runSinceMs + run.timeoutMs
  return {
    state: {
      ...{ kind: 'restoring', run, startedAtMs: now, deadlineMs: Math.min(now + restoreTimeoutMs, limitMs), initMs },
      ...(runSinceMs !== undefined && { runSinceMs }),
    },
    decisions: [{ do: 'restore' }],
  }
}

/** What cannot be restored is not used again: the function has not run, and its caller is told which error that is. */
export function whileRestoring(state: Restoring, event: EnvironmentEvent, now: number): Step {
  const { run, initMs, runSinceMs } = state
  const restoreMs = now - state.startedAtMs
  const fail = (status: 'timeout' | 'error', errorType: string, document: Uint8Array = empty): Step => {
    const reason = `could not be restored: ${errorType}`
    const code = status === 'timeout' ? 'SnapStartTimeoutException' : 'SnapStartException'
    const { decisions, ...rest } = gone(reason, status === 'timeout' ? 'timeout' : 'failure')
    const outcome: RunOutcome = {
      ...{ requestId: run.requestId, status, errorType: code, payload: document, durationMs: 0, initMs, restoreMs },
      ...{ restoreFailed: true, reported: status, lost: true },
    }
    const told: EnvironmentDecision = { do: 'report-restore', restoreMs, status, errorType }
    return { ...rest, decisions: [told, { do: 'finish', outcome }, ...decisions] }
  }
  switch (event.kind) {
    case 'restored': {
      const startedAtMs = runSinceMs ?? now
      return {
        state: { kind: 'running', run, startedAtMs, deadlineMs: startedAtMs + run.timeoutMs, initMs, restoreMs },
        decisions: [
          { do: 'report-restore', restoreMs, status: 'success', errorType: '' },
          { do: 'invoke', run },
        ],
      }
    }
    case 'restore-error':
      return fail('error', errorTypeOf(event.document) || 'Runtime.RestoreError', event.document)
    case 'exited':
      return fail('error', exited(run.requestId, event.exit).errorType)
    case 'violation':
      return fail('error', brokenProtocol(run.requestId, event.reason).errorType)
    case 'extension-failed':
      return fail('error', event.fault.errorType)
    case 'failed':
      return platformFailure(run, event.reason, 0, initMs)
    case 'tick':
      return now < state.deadlineMs ? stay(state) : fail('timeout', 'Sandbox.Timedout')
    default:
      return isAnswer(event) ? stay(state) : denied(state, event)
  }
}
