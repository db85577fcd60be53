import { type AwsError, awsErrors } from '@weft/contracts'
import { lambdaModel, shapeOf } from './model/model.ts'
import type { OperationName, OperationOutputs } from './model/types.ts'

export interface WireResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

const requestIdHeader = 'x-amzn-RequestId'

/**
 * Puts an operation's output on the wire: members bound to status, headers and payload, the others as JSON. No output of
 * the model holds bytes inside JSON.
 */
export function encodeResponse<O extends OperationName>(
  operation: O,
  output: OperationOutputs[O],
  requestId: string,
): WireResponse {
  const model = lambdaModel.operations[operation]
  const headers: Record<string, string> = { [requestIdHeader]: requestId }
  const json: Record<string, unknown> = {}
  let status = model.status
  let payload: Uint8Array | undefined
  let inBody = false
  for (const [name, member] of Object.entries(shapeOf(model.output).members ?? {})) {
    const value = (output as Readonly<Record<string, unknown>>)[name]
    if (member.in === undefined) inBody = true
    if (value === undefined) continue
    if (member.in === 'status') status = value as number
    else if (member.in === 'header') headers[member.name as string] = String(value)
    else if (member.in === 'payload') payload = value as Uint8Array
    else json[name] = value
  }
  if (payload) return { status, headers: { ...headers, 'content-type': 'application/json' }, body: payload }
  if (!inBody || status === 204) return { status, headers, body: '' }
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  }
}

/**
 * A refusal in the REST-JSON protocol. The case of the message member and `Type` follow the API model: codes outside it
 * (validation, authentication) carry a message alone.
 */
export function encodeError(error: AwsError, requestId: string): WireResponse {
  const row = awsErrors[error.code]
  const modelled = Object.hasOwn(lambdaModel.errors, error.code) && !error.untyped
  return {
    status: row.http,
    headers: {
      [requestIdHeader]: requestId,
      'x-amzn-ErrorType': error.code,
      'content-type': 'application/json',
      ...(error.retryAfterSeconds !== undefined && { 'Retry-After': String(Math.ceil(error.retryAfterSeconds)) }),
    },
    body: JSON.stringify({
      ...(error.reason !== undefined && { Reason: error.reason }),
      ...(modelled && { Type: row.fault }),
      [row.messageKey]: error.message,
    }),
  }
}
