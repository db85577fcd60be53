import type { QueuedEvent, RunResponse } from './event.ts'
import type { Ending } from './retry.ts'

export interface EndedInvocation {
  readonly event: Pick<QueuedEvent, 'requestId' | 'payload'>
  readonly ending: Pick<Ending, 'condition' | 'runs'>
  /** With the version that ran, or the qualifier that was called where none did. */
  readonly functionArn: string
  readonly response?: RunResponse
}

/**
 * The record that a destination gets (Lambda developer guide, invocation-async-retain-records). Payloads go in as they
 * are: the event is JSON, an answer that is none becomes a string. `now` in epoch ms.
 */
export function destinationRecord({ event, ending, functionArn, response }: EndedInvocation, now: number): Uint8Array {
  const head = {
    version: '1.0',
    timestamp: new Date(now).toISOString(),
    requestContext: {
      requestId: event.requestId,
      functionArn,
      condition: ending.condition,
      approximateInvokeCount: ending.runs,
    },
  }
  const members = [
    JSON.stringify(head).slice(1, -1),
    `"requestPayload":${jsonOf(event.payload)}`,
    ...(response ? [`"responseContext":${JSON.stringify(contextOf(response))}`] : []),
    ...(response ? [`"responsePayload":${jsonOf(response.payload)}`] : []),
  ]
  return new TextEncoder().encode(`{${members.join(',')}}`)
}

const contextOf = ({ statusCode, executedVersion, functionError }: RunResponse) => ({
  statusCode,
  executedVersion,
  ...(functionError !== undefined && { functionError }),
})

function jsonOf(payload: Uint8Array): string {
  const text = new TextDecoder().decode(payload)
  try {
    JSON.parse(text)
    return text
  } catch {
    return JSON.stringify(text)
  }
}
