import { type AwsError, awsError, awsErrors, functionArn } from '@weft/contracts'
import { cancelInvocation, type InvocationBook, type TrackedEntry, type TrackedInvocation } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor, DoorRequest, DoorResponse } from '../door.ts'

const invocations = /^\/2026-01-01\/invocations\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/
const limitBytes = 1_024

const json = (status: number, body: object): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const refusal = (error: AwsError): DoorResponse =>
  json(awsErrors[error.code].http, { Type: awsErrors[error.code].fault, Code: error.code, Message: error.message })

export interface WeftDoorDeps {
  readonly book: InvocationBook
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly region: string
}

/**
 * What AWS has no counterpart of: `GET /2026-01-01/invocations/<request id>` tells what became of an invocation whose result
 * is kept, `DELETE` cancels one that waits. Signed for the service `weft`.
 */
export function weftDoor({ book, authorizer, clock, region }: WeftDoorDeps): AwsDoor {
  const answer = async (request: DoorRequest): Promise<DoorResponse> => {
    const requestId = invocations.exec(request.rawPath)?.[1]
    const remove = request.method === 'DELETE'
    if (requestId === undefined || !(remove || request.method === 'GET'))
      return refusal(awsError('UnknownOperationException', 'There is no such operation.'))
    const { accountId } = request.principal
    const entry = await book.read(accountId, requestId)
    const refused = authorizer.authorize(request.principal, {
      action: remove ? 'weft:CancelInvocation' : 'weft:GetInvocation',
      resource: entry ? arnOf(entry.invocation, region) : '*',
      context: { 'aws:sourceip': request.sourceIp },
    })
    if (refused) return refusal(refused)
    if (!entry)
      return refusal(awsError('ResourceNotFoundException', `The result of ${requestId} is not kept, or not any more.`))
    if (!remove) return json(200, describe(entry, region))
    const after = await cancelInvocation(book, accountId, requestId, clock.now())
    if (after?.state === 'cancelled') return json(200, describe({ ...entry, invocation: after }, region))
    return refusal(
      awsError('ResourceConflictException', `The invocation cannot be cancelled: it is ${after?.state ?? 'gone'}.`),
    )
  }
  return {
    service: 'weft',
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: refusal,
    handle: answer,
  }
}

const arnOf = ({ accountId, functionName, qualifier }: TrackedInvocation, region: string): string =>
  functionArn(region, accountId, functionName, qualifier)

function describe({ invocation, answer }: TrackedEntry, region: string) {
  const { acceptedAtMs, endedAtMs, keepMs } = invocation
  const date = (ms: number): string => new Date(ms).toISOString()
  return {
    RequestId: invocation.requestId,
    FunctionArn: arnOf(invocation, region),
    InvocationType: invocation.invocationType,
    State: invocation.state,
    Condition: invocation.condition,
    Runs: invocation.runs,
    StatusCode: invocation.statusCode,
    ExecutedVersion: invocation.executedVersion,
    FunctionError: invocation.functionError,
    AcceptedAt: date(acceptedAtMs),
    ...(endedAtMs !== undefined && { EndedAt: date(endedAtMs), KeptUntil: date(endedAtMs + keepMs) }),
    ...(answer && { Payload: new TextDecoder().decode(answer) }),
  }
}
