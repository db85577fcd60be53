import { type AwsError, awsError, awsErrors } from '@weft/contracts'
import type { Ask, Authorizer } from '../../identity/authorizer.ts'
import { refuseLending, rolesIn } from '../../identity/pass-role.ts'
import type { AwsDoor, DoorRequest, DoorResponse, Principal } from '../door.ts'
import { type Input, isObject } from './fields.ts'
import { ServiceRefusal } from './refusal.ts'

export type JsonOperation<Context> = (context: Context, input: Input) => Promise<object>

export interface JsonDoorOptions<Context> {
  /** Of the credential scope, and before the operation in the names of actions. */
  readonly service: string
  /** What stands before the operation in `X-Amz-Target`, with its dot. */
  readonly target: string
  readonly limitBytes: number
  readonly operations: Readonly<Record<string, JsonOperation<Context>>>
  readonly authorizer: Authorizer
  /** ARN of what an operation is about. */
  readonly resource: (principal: Principal, operation: string, input: Input) => string
  readonly context: (request: DoorRequest) => Context
}

/** A service of AWS that speaks JSON 1.1: POST to `/`, the operation in `X-Amz-Target`. */
export function jsonDoor<Context>(options: JsonDoorOptions<Context>): AwsDoor {
  const { service, target, limitBytes, operations, authorizer } = options
  return {
    service,
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: (error: AwsError) => refusal(error.code, error.message, statusOf(error)),
    async handle(request) {
      const name = request.headers['x-amz-target'] ?? ''
      const operation = name.startsWith(target) ? name.slice(target.length) : ''
      const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined
      if (request.method !== 'POST' || !run)
        return refusal('UnknownOperationException', `Unknown operation ${JSON.stringify(name.slice(0, 128))}`)
      const input = parse(request.body)
      if (!input) return refusal('SerializationException', 'The request body is not a JSON object.')
      try {
        const ask: Ask = {
          action: `${service}:${operation}`,
          resource: options.resource(request.principal, operation, input),
          context: { 'aws:sourceip': request.sourceIp },
        }
        const refused =
          authorizer.authorize(request.principal, ask) ?? refuseRoles(authorizer, request.principal, service, input)
        if (refused) return refusal(refused.code, refused.message)
        return json(200, await run(options.context(request), input))
      } catch (error) {
        if (error instanceof ServiceRefusal) return refusal(error.type, error.message, error.status)
        throw error
      }
    },
  }
}

/** Roles are lent to the service, wherever in a request they are named. */
function refuseRoles(
  authorizer: Authorizer,
  principal: Principal,
  service: string,
  input: Input,
): AwsError | undefined {
  for (const role of rolesIn(input)) {
    const refused = refuseLending(authorizer, principal, role, `${service}.amazonaws.com`)
    if (refused) return refused
  }
  return undefined
}

const json = (status: number, body: object): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(body),
})

const refusal = (type: string, message: string, status = 400): DoorResponse => json(status, { __type: type, message })

/** JSON 1.1 services answer every mistake of the caller with 400. */
const statusOf = (error: AwsError): number => {
  const status = awsErrors[error.code].http
  return status >= 500 ? status : 400
}

export function parse(body: Buffer): Input | undefined {
  try {
    const value: unknown = body.length === 0 ? {} : JSON.parse(body.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
