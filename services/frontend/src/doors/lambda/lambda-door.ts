import { bindRequest, encodeError, encodeResponse, type MatchedRoute, matchRoute, type OperationName } from '@weft/aws'
import { type AwsError, awsError, err, limits } from '@weft/contracts'
import type { Operations } from '../../operations/api.ts'
import { callOperation, isServed } from '../../operations/call.ts'
import { payloadLimit, payloadTooLarge } from '../../operations/invocation-input.ts'
import { refusalOf } from '../../operations/refused.ts'
import type { AwsDoor, BodyLimit, DoorHead, DoorRequest, DoorResponse } from '../door.ts'
import { contextOf } from './context-of.ts'
import { invokeOverRest } from './invoke-rest.ts'
import { streamOverRest } from './stream-rest.ts'

/** Body of an operation that carries no package, bytes: room for 4 KB of environment many times over. */
const plainBodyBytes = 1_048_576

const carriesPackage: ReadonlySet<OperationName> = new Set([
  'CreateFunction',
  'UpdateFunctionCode',
  'PublishLayerVersion',
])

/**
 * The Lambda REST API. Operations of the API model that are not served are refused as NotImplementedException (501);
 * anything else is an UnknownOperationException (404).
 */
export function createLambdaDoor(operations: Operations): AwsDoor {
  const refuse = (error: AwsError, head: DoorHead): DoorResponse => encodeError(error, head.requestId)
  return {
    service: 'lambda',
    bodyLimit: (head) => bodyLimit(head),
    refuse,
    handle: async (request) => {
      const route = matchRoute(request.method, request.rawPath, request.rawQuery)
      if (!route.ok) return refuse(route.error, request)
      const result = await answer(operations, request, route.value)
      return 'status' in result ? result : refuse(result.error, request)
    },
  }
}

async function answer(
  operations: Operations,
  request: DoorRequest,
  route: MatchedRoute,
): Promise<DoorResponse | { readonly error: AwsError }> {
  const { operation } = route
  const parts = { ...route, headers: request.headers, body: request.body }
  if (operation === 'Invoke' || operation === 'InvokeAsync')
    return invokeOverRest(operations, request, operation, parts)
  if (operation === 'InvokeWithResponseStream') return streamOverRest(operations, request, parts)
  const input = isServed(operation) ? bindRequest(operation, parts) : err(refusalOf(operation))
  if (!input.ok) return input
  const output = await callOperation(operations.management, operation, contextOf(request), input.value)
  return output.ok ? encodeResponse(operation, output.value, request.requestId) : output
}

function bodyLimit(head: DoorHead): BodyLimit {
  const route = matchRoute(head.method, head.rawPath, head.rawQuery)
  const operation = route.ok ? route.value.operation : undefined
  if (operation === 'Invoke' || operation === 'InvokeAsync' || operation === 'InvokeWithResponseStream') {
    const isEvent = operation === 'InvokeAsync' || head.headers['x-amz-invocation-type'] === 'Event'
    const type = isEvent ? 'Event' : 'RequestResponse'
    return { limitBytes: payloadLimit(type), tooLarge: (sizeBytes) => payloadTooLarge(sizeBytes, type) }
  }
  const limitBytes = operation && carriesPackage.has(operation) ? limits.createRequestBytes : plainBodyBytes
  return {
    limitBytes,
    tooLarge: () =>
      awsError(
        'RequestEntityTooLargeException',
        `Request must be smaller than ${limitBytes} bytes for the ${operation ?? 'unknown'} operation`,
      ),
  }
}
