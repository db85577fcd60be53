/** An invocation on its way through an environment, and what goes back for it. */
import { type ResultFrame, type RunInvocation, type RunResult, RunStatus } from '@weft/contracts/worker'
import type { InvokeHeader, RunOutcome } from '@weft/sandbox'
import type { AnswerPath } from './answer-path.ts'
import type { RunFacts } from './run-facts.ts'

/** Takes what a run says to its dispatcher: parts of a streamed answer, and at last its result. */
export type RunReply = (frame: NonNullable<ResultFrame['frame']>) => void

/** An invocation that has not begun yet: the one before had its answer but was not over. */
export interface NextRun {
  readonly invocation: RunInvocation
  readonly reply: RunReply
  readonly answer: AnswerPath
}

export interface CurrentRun extends RunFacts, NextRun {
  /** The START line is out. */
  told: boolean
  /** The caller has its answer. */
  answered: boolean
}

const emptyEvent = Buffer.from('{}')
export const eventOf = ({ payload }: RunInvocation): Buffer => (payload.length > 0 ? payload : emptyEvent)

/** `tenantId`: "" for none. */
export const headerOf = (invocation: RunInvocation, deadlineMs: number, tenantId: string): InvokeHeader => ({
  requestId: invocation.requestId,
  deadlineMs,
  invokedFunctionArn: invocation.invokedFunctionArn,
  ...(invocation.traceHeader !== '' && { traceId: invocation.traceHeader }),
  ...(invocation.clientContext !== '' && {
    clientContext: Buffer.from(invocation.clientContext, 'base64').toString('utf8'),
  }),
  ...(tenantId !== '' && { tenantId }),
})

const statusOf = {
  success: RunStatus.RUN_STATUS_SUCCEEDED,
  error: RunStatus.RUN_STATUS_FUNCTION_ERROR,
  timeout: RunStatus.RUN_STATUS_FUNCTION_ERROR,
  'platform-failure': RunStatus.RUN_STATUS_PLATFORM_ERROR,
} as const

/** The result goes to the caller; once for each run. */
export function replyTo({ invocation, answer, reply }: NextRun, outcome: RunOutcome, logTail: string): void {
  const collected = answer.end()
  const whole = outcome.status === 'success' && outcome.streamedBytes !== undefined ? collected : outcome.payload
  const value: RunResult = {
    seq: invocation.seq,
    status: statusOf[outcome.status],
    payload: whole as Buffer,
    logTail,
    sandboxLost: outcome.lost,
    detail: outcome.errorType,
    durationMs: outcome.durationMs,
    initDurationMs: outcome.initMs,
    restoreFailed: outcome.restoreFailed === true,
  }
  reply({ $case: 'result', value })
}

/** It never began, and may run elsewhere. */
export function refuse({ invocation, answer, reply }: NextRun, detail: string): void {
  answer.end()
  const nothing = { payload: Buffer.alloc(0), logTail: '', durationMs: 0, initDurationMs: 0, restoreFailed: false }
  const status = RunStatus.RUN_STATUS_NOT_STARTED
  reply({ $case: 'result', value: { seq: invocation.seq, status, ...nothing, sandboxLost: true, detail } })
}
