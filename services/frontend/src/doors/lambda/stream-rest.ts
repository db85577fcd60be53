import {
  bindRequest,
  encodeEvent,
  encodeEventError,
  encodeResponse,
  eventStreamContentType,
  type OperationOutputs,
  type RequestParts,
  validateInput,
} from '@weft/aws'
import type { AwsError, Result } from '@weft/contracts'
import { streamCall } from '../../answers/stream-call.ts'
import type { Operations } from '../../operations/api.ts'
import type { InvokeInput, InvokeOutput } from '../../operations/context.ts'
import type { DoorRequest, DoorResponse } from '../door.ts'
import { contextOf } from './context-of.ts'
import { invokeInput } from './invoke-rest.ts'

/**
 * InvokeWithResponseStream: parts of the answer as PayloadChunk events, then InvokeComplete. A function that answers whole
 * gives one chunk; one that fails gives its error document in InvokeComplete, whatever came before. What nothing has run
 * for is refused as by Invoke.
 */
export async function streamOverRest(
  operations: Operations,
  request: DoorRequest,
  parts: RequestParts,
): Promise<DoorResponse | { readonly error: AwsError }> {
  const input = readInput(request, parts)
  if ('error' in input) return input
  const call = await streamCall(operations.invoke, contextOf(request), input)
  const { requestId } = request
  if (call.kind === 'streamed') {
    const events = eventsOf(call.parts, () => call.outcome)
    return eventStream(call.head.executedVersion, events, requestId)
  }
  const { outcome } = call
  if (!outcome.ok) return outcome
  if (outcome.value.kind !== 'answered')
    return encodeResponse('InvokeWithResponseStream', { StatusCode: 204 }, requestId)
  const { payload, functionError, executedVersion } = outcome.value
  const body = functionError === undefined && payload.byteLength > 0 ? [payload] : []
  const events = eventsOf(body, () => outcome)
  return eventStream(executedVersion, events, requestId)
}

function readInput(request: DoorRequest, parts: RequestParts): InvokeInput | { readonly error: AwsError } {
  const bound = bindRequest('InvokeWithResponseStream', parts)
  if (!bound.ok) return bound
  const problem = validateInput('InvokeWithResponseStream', bound.value)
  if (problem) return { error: problem }
  return invokeInput(bound.value, request, parts.body)
}

function eventStream(executedVersion: string, body: AsyncIterable<Uint8Array>, requestId: string): DoorResponse {
  const output = { StatusCode: 200, ExecutedVersion: executedVersion }
  const { status, headers } = encodeResponse('InvokeWithResponseStream', output, requestId)
  return { status, headers: { ...headers, 'content-type': eventStreamContentType }, body }
}

async function* eventsOf(
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  outcome: () => Result<InvokeOutput, AwsError> | Promise<Result<InvokeOutput, AwsError>>,
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield encodeEvent('PayloadChunk', 'application/octet-stream', part)
  const result = await outcome()
  if (!result.ok) yield encodeEventError(result.error.code, result.error.message)
  else yield encodeEvent('InvokeComplete', 'application/json', JSON.stringify(completeOf(result.value)))
}

type Complete = NonNullable<NonNullable<OperationOutputs['InvokeWithResponseStream']['EventStream']>['InvokeComplete']>

function completeOf(output: InvokeOutput): Complete {
  if (output.kind !== 'answered') return {}
  const { payload, functionError, logTail } = output
  return {
    ...(functionError !== undefined && {
      ErrorCode: functionError,
      ErrorDetails: Buffer.from(payload).toString('utf8'),
    }),
    ...(logTail !== undefined && { LogResult: Buffer.from(logTail).toString('base64') }),
  }
}
