import {
  beginRun,
  changeTracked,
  type Ending,
  endRecord,
  type QueuedEvent,
  type RunResponse,
  type Settlement,
  type TrackedInvocation,
} from '@weft/delivery'
import type { RunContext } from './run-event.ts'

type Context = Pick<RunContext, 'book' | 'clock'>

/** Marks a tracked event's run as begun; gives the settlement of one that is cancelled or over instead. */
export async function beginTracked({ book, clock }: Context, event: QueuedEvent): Promise<Settlement | undefined> {
  if (!event.tracked) return undefined
  switch (await beginRun(book, event.accountId, event.requestId, event.attempt)) {
    case 'run':
      return undefined
    case 'ended':
      return { kind: 'duplicate' }
    case 'cancelled': {
      const ending = { condition: 'Cancelled', runs: event.attempt - 1 } as const
      return { kind: 'done', end: endRecord(event, ending, [], clock.now()) }
    }
  }
}

/** A tracked event waits for another run, and can be cancelled again. */
export async function queueTracked({ book }: Context, event: QueuedEvent): Promise<void> {
  if (event.tracked) await changeTracked(book, event.accountId, event.requestId, { state: 'queued' })
}

/** Keeps the result of a tracked event. */
export async function endTracked(
  { book, clock }: Context,
  event: QueuedEvent,
  { condition, runs }: Ending,
  response: RunResponse | undefined,
): Promise<void> {
  if (!event.tracked) return
  const change: Partial<TrackedInvocation> = {
    state: 'ended',
    endedAtMs: clock.now(),
    condition,
    runs,
    ...(response && {
      statusCode: response.statusCode,
      executedVersion: response.executedVersion,
      ...(response.functionError !== undefined && { functionError: response.functionError }),
    }),
  }
  await changeTracked(book, event.accountId, event.requestId, change, response?.payload)
}
