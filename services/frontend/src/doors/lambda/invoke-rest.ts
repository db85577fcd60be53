import { bindRequest, encodeResponse, type OperationInputs, type RequestParts, validateInput } from '@weft/aws'
import { type AwsError, awsError } from '@weft/contracts'
import type { Operations } from '../../operations/api.ts'
import type { InvokeInput } from '../../operations/context.ts'
import type { Tracking } from '../../operations/track-call.ts'
import type { DoorRequest, DoorResponse } from '../door.ts'
import { contextOf } from './context-of.ts'

/** Invoke and its elder InvokeAsync: headers, query and raw body to an invocation, and its end back. */
export async function invokeOverRest(
  operations: Operations,
  request: DoorRequest,
  operation: 'Invoke' | 'InvokeAsync',
  parts: RequestParts,
): Promise<DoorResponse | { readonly error: AwsError }> {
  const input = operation === 'Invoke' ? readInvoke(request, parts) : readInvokeAsync(request, parts)
  if ('error' in input) return input
  const output = await operations.invoke(contextOf(request), input)
  if (!output.ok) return output
  // A call under an idempotency key is told the id of the invocation that it shares.
  const shared = 'requestId' in output.value ? output.value.requestId : undefined
  const requestId = shared ?? request.requestId
  if (operation === 'InvokeAsync') return encodeResponse('InvokeAsync', { Status: 202 }, requestId)
  switch (output.value.kind) {
    case 'accepted':
      return encodeResponse('Invoke', { StatusCode: 202 }, requestId)
    case 'dry-run':
      return encodeResponse('Invoke', { StatusCode: 204 }, requestId)
    case 'answered':
      return encodeResponse(
        'Invoke',
        {
          StatusCode: 200,
          Payload: output.value.payload,
          ExecutedVersion: output.value.executedVersion,
          FunctionError: output.value.functionError,
          LogResult:
            output.value.logTail === undefined ? undefined : Buffer.from(output.value.logTail).toString('base64'),
        },
        requestId,
      )
  }
}

function readInvoke(request: DoorRequest, parts: RequestParts): InvokeInput | { readonly error: AwsError } {
  const bound = bindRequest('Invoke', parts)
  if (!bound.ok) return bound
  const problem = validateInput('Invoke', bound.value)
  if (problem) return { error: problem }
  const input = invokeInput(bound.value, request, parts.body)
  const tracking = trackingOf(request.headers)
  return 'error' in input || !tracking ? input : { ...input, tracking }
}

/** Weft's own headers: one run per key, and how long a result is kept, seconds. */
function trackingOf(headers: DoorRequest['headers']): Tracking | undefined {
  const key = headers['x-weft-idempotency-key']
  const keep = headers['x-weft-keep-result']
  if (key === undefined && keep === undefined) return undefined
  return {
    ...(key !== undefined && { key }),
    ...(keep !== undefined && { keepSeconds: /^\d{1,6}$/.test(keep) ? Number(keep) : Number.NaN }),
  }
}

/** What the members of Invoke and InvokeWithResponseStream ask for; a refusal for what is not served. */
export function invokeInput(
  members: Omit<OperationInputs['Invoke'], 'Payload'>,
  { headers }: DoorRequest,
  payload: Uint8Array,
): InvokeInput | { readonly error: AwsError } {
  const { FunctionName, Qualifier, InvocationType, LogType, ClientContext, TenantId, DurableExecutionName } = members
  if (DurableExecutionName !== undefined)
    return { error: awsError('InvalidParameterValueException', 'Durable execution is not served by this fabric.') }
  return {
    functionName: FunctionName,
    ...(Qualifier !== undefined && { qualifier: Qualifier }),
    payload,
    invocationType: InvocationType ?? 'RequestResponse',
    logTail: LogType === 'Tail',
    ...(ClientContext !== undefined && { clientContext: ClientContext }),
    ...(TenantId !== undefined && { tenantId: TenantId }),
    ...traceOf(headers),
  }
}

const traceOf = (headers: DoorRequest['headers']): Pick<InvokeInput, 'traceHeader' | 'traceparent'> => ({
  ...(headers['x-amzn-trace-id'] !== undefined && { traceHeader: headers['x-amzn-trace-id'] }),
  ...(headers.traceparent !== undefined && { traceparent: headers.traceparent }),
})

function readInvokeAsync(request: DoorRequest, parts: RequestParts): InvokeInput | { readonly error: AwsError } {
  const bound = bindRequest('InvokeAsync', parts)
  if (!bound.ok) return bound
  const problem = validateInput('InvokeAsync', bound.value)
  if (problem) return { error: problem }
  const { FunctionName: functionName } = bound.value
  const trace = traceOf(request.headers)
  return { functionName, payload: parts.body, invocationType: 'Event', logTail: false, ...trace }
}
