import {
  type AwsError,
  awsError,
  awsErrors,
  err,
  headers,
  isFunctionName,
  limits,
  newRequestId,
  ok,
  parseTargetSubject,
  type Result,
  type TargetSubject,
} from '@weft/contracts'
import type { BusReply, BusRequest } from '@weft/nats'
import { type Logger, parseTraceparent, withSpan } from '@weft/platform'
import type { InvokeInput, InvokeOutput, Operation } from '../operations/context.ts'

export interface NatsInvokeDeps {
  readonly invoke: Operation<InvokeInput, InvokeOutput>
  readonly log: Logger
  /** What the server takes in one message, headers included, bytes. */
  readonly maxMessageBytes: () => number
}

/** Room that the headers of a reply need at most: the log tail in base64 and the names. */
const replyHeadersBytes = 8 * 1024

/**
 * The door for `weft.invoke.<account>.<function>[.<qualifier>]` requests. The subject's account token is the caller:
 * a client's NATS account imports only its own subjects, so the server has decided who may send what. Headers are those
 * of the REST door; a request that is refused is answered with `Nats-Service-Error`. Never rejects.
 */
export const natsInvokeDoor =
  (deps: NatsInvokeDeps) =>
  async (request: BusRequest): Promise<BusReply> => {
    const requestId = newRequestId()
    try {
      const call = readCall(request)
      if (!call.ok) return natsRefusal(call.error, requestId)
      const { target, input } = call.value
      const attributes = { 'messaging.system': 'nats', 'weft.request_id': requestId }
      return await withSpan(
        `nats invoke ${target.functionName}`,
        { kind: 'server', parent: input.traceparent, attributes },
        async (span) => {
          const principal = {
            accountId: target.accountId,
            arn: `arn:aws:iam::${target.accountId}:root`,
            keyId: `nats ${target.accountId}`,
          }
          const result = await deps.invoke({ principal, requestId }, input)
          if (result.ok) return answer(result.value, requestId, deps.maxMessageBytes())
          span.fail(result.error.code)
          return natsRefusal(result.error, requestId)
        },
      )
    } catch (error) {
      deps.log.error({ err: error, requestId, subject: request.subject }, 'NATS invoke failed')
      return natsRefusal(awsError('ServiceException', 'Internal service error.'), requestId)
    }
  }

interface Call {
  readonly target: TargetSubject
  readonly input: InvokeInput
}

function readCall(request: BusRequest): Result<Call, AwsError> {
  const target = parseTargetSubject(request.subject)
  if (!target.ok) return err(badSubject(request.subject))
  const type = request.header(headers.invocationType) ?? 'RequestResponse'
  if (type !== 'RequestResponse' && type !== 'Event' && type !== 'DryRun')
    return err(notOneOf(type, 'invocationType', '[Event, RequestResponse, DryRun]'))
  const logType = request.header(headers.logType) ?? 'None'
  if (logType !== 'None' && logType !== 'Tail') return err(notOneOf(logType, 'logType', '[None, Tail]'))
  const { functionName, qualifier } = target.value
  const clientContext = request.header(headers.clientContext)
  const tenantId = request.header(headers.tenantId)
  const traceHeader = request.header(headers.traceId)
  const traceparent = request.header(headers.traceparent)
  return ok({
    target: target.value,
    input: {
      functionName,
      ...(qualifier !== undefined && { qualifier }),
      payload: request.payload,
      invocationType: type,
      logTail: logType === 'Tail',
      ...(clientContext !== undefined && { clientContext }),
      ...(tenantId !== undefined && { tenantId }),
      ...(traceHeader !== undefined && { traceHeader }),
      ...(traceparent !== undefined && parseTraceparent(traceparent) && { traceparent }),
    },
  })
}

/** `weft.invoke.<account>.<function>[.<qualifier>]`, with the part named that is not well formed. */
function badSubject(subject: string): AwsError {
  const [, , , name = '', , ...rest] = subject.split('.')
  const wrong = !isFunctionName(name) ? 'function name' : rest.length > 0 ? 'number of tokens' : 'qualifier'
  return awsError(
    'InvalidParameterValueException',
    `The ${wrong} of the subject is not valid; expected weft.invoke.<account>.<function>[.<qualifier>]`,
  )
}

const notOneOf = (value: string, member: string, set: string): AwsError =>
  awsError(
    'ValidationException',
    `1 validation error detected: Value '${shorten(value)}' at '${member}' failed to satisfy constraint: Member must satisfy enum value set: ${set}`,
  )

const shorten = (text: string): string => (text.length > 128 ? `${text.slice(0, 128)}…` : text)

const empty = new Uint8Array()

function answer(output: InvokeOutput, requestId: string, maxMessageBytes: number): BusReply {
  const common = { [headers.requestId]: requestId }
  if (output.kind !== 'answered') return { payload: empty, headers: common }
  const room = Math.min(maxMessageBytes - replyHeadersBytes, limits.syncResponseBytes)
  if (output.payload.byteLength > room) {
    const error = awsError(
      'RequestTooLargeException',
      `The answer of ${output.payload.byteLength} bytes does not fit into one message (limit ${room} bytes)`,
    )
    return natsRefusal(error, requestId)
  }
  return {
    payload: output.payload,
    headers: {
      ...common,
      [headers.executedVersion]: output.executedVersion,
      ...(output.functionError !== undefined && { [headers.functionError]: output.functionError }),
      ...(output.logTail !== undefined && { [headers.logResult]: Buffer.from(output.logTail).toString('base64') }),
    },
  }
}

/** A refusal by the convention of NATS services; the body is AWS's. */
export function natsRefusal(error: AwsError, requestId: string): BusReply {
  const row = awsErrors[error.code]
  return {
    payload: Buffer.from(
      JSON.stringify({
        Type: row.fault,
        [row.messageKey]: error.message,
        ...(error.reason !== undefined && { Reason: error.reason }),
      }),
    ),
    headers: {
      [headers.requestId]: requestId,
      [headers.serviceError]: headerText(error.message),
      [headers.serviceErrorCode]: String(row.http),
      [headers.errorType]: error.code,
      ...(error.reason !== undefined && { [headers.errorReason]: headerText(error.reason) }),
      ...(error.retryAfterSeconds !== undefined && { 'Retry-After': String(error.retryAfterSeconds) }),
    },
  }
}

/** Messages may quote what the caller sent: nothing of it may end a header line. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 1_024)
