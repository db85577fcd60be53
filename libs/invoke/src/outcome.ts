import type { InvokeOutcome, ThrottleReason } from '@weft/contracts'
import { DenialReason, type LeaseDenied } from '@weft/contracts/placement'
import { type RunResult, RunStatus } from '@weft/contracts/worker'

export const platformError = (detail: string, mayHaveRun: boolean): InvokeOutcome => ({
  kind: 'platform-error',
  detail,
  mayHaveRun,
})

const throttleReasons: ReadonlyMap<DenialReason, ThrottleReason> = new Map([
  [DenialReason.DENIAL_REASON_ACCOUNT_CONCURRENCY, 'ConcurrentInvocationLimitExceeded'],
  [DenialReason.DENIAL_REASON_FUNCTION_CONCURRENCY, 'ReservedFunctionConcurrentInvocationLimitExceeded'],
  [DenialReason.DENIAL_REASON_SCALING_RATE, 'FunctionInvocationRateLimitExceeded'],
])

/** What a caller is told when placement refused; nothing ran. */
export function outcomeOfDenial(denied: LeaseDenied): InvokeOutcome {
  const reason = throttleReasons.get(denied.reason)
  if (reason) return { kind: 'throttled', reason, retryAfterSeconds: denied.retryAfterSeconds }
  if (denied.reason === DenialReason.DENIAL_REASON_NOT_OFFERED)
    return { kind: 'platform-error', detail: denied.detail, mayHaveRun: false, notOffered: true }
  return platformError(denied.detail, false)
}

/** What a caller is told of a run that reached the worker; NOT_STARTED is not for callers. */
export function outcomeOfResult(result: RunResult, executedVersion: string): InvokeOutcome {
  switch (result.status) {
    case RunStatus.RUN_STATUS_SUCCEEDED:
    case RunStatus.RUN_STATUS_FUNCTION_ERROR: {
      const failed = result.status === RunStatus.RUN_STATUS_FUNCTION_ERROR
      return {
        kind: failed ? 'function-error' : 'succeeded',
        payload: result.payload,
        executedVersion,
        errorType: failed ? result.detail : '',
        logTail: result.logTail,
        durationMs: result.durationMs,
        initDurationMs: result.initDurationMs,
        ...(result.restoreFailed && {
          restoreFailed:
            result.detail === 'SnapStartTimeoutException' ? 'SnapStartTimeoutException' : 'SnapStartException',
        }),
      }
    }
    case RunStatus.RUN_STATUS_NOT_STARTED:
      return platformError(result.detail, false)
    case RunStatus.RUN_STATUS_PLATFORM_ERROR:
    case RunStatus.RUN_STATUS_UNSPECIFIED:
      return platformError(result.detail, true)
  }
}
