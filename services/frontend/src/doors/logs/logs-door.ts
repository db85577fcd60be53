import { type AccountId, type AwsError, awsError, awsErrors } from '@weft/contracts'
import type { StreamReader } from '@weft/nats'
import type { Catalogue } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor, DoorResponse } from '../door.ts'
import { LogReader } from './log-reader.ts'
import { type Input, LogsRefusal } from './members.ts'
import { logsOperations } from './operations.ts'

const target = 'Logs_20140328.'
const limitBytes = 64 * 1024

const json = (status: number, body: object): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(body),
})

const refusal = (type: string, message: string, status = 400): DoorResponse => json(status, { __type: type, message })

/**
 * The reading half of CloudWatch Logs over the log stream of the fabric: JSON 1.1, operation in `X-Amz-Target`. Lines
 * are those of the caller's own account.
 */
export function logsDoor(deps: {
  readonly logs: StreamReader
  readonly catalogue: Pick<Catalogue, 'functions' | 'versions'>
  readonly authorizer: Authorizer
  readonly region: string
}): AwsDoor {
  const reader = new LogReader(deps.logs, deps.catalogue)
  return {
    service: 'logs',
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: (error: AwsError) => refusal(error.code, error.message, statusOf(error)),
    async handle(request) {
      const name = request.headers['x-amz-target'] ?? ''
      const operation = name.startsWith(target) ? name.slice(target.length) : ''
      const run = Object.hasOwn(logsOperations, operation) ? logsOperations[operation] : undefined
      if (request.method !== 'POST' || !run)
        return refusal('UnknownOperationException', `Unknown operation ${JSON.stringify(name.slice(0, 128))}`)
      const input = parse(request.body)
      if (!input) return refusal('SerializationException', 'The request body is not a JSON object.')
      const refused = deps.authorizer.authorize(request.principal, {
        action: `logs:${operation}`,
        resource: logsResource(deps.region, request.principal.accountId, operation, input),
        context: { 'aws:sourceip': request.sourceIp },
      })
      if (refused) return refusal(refused.code, refused.message)
      const context = { accountId: request.principal.accountId, region: deps.region, reader }
      try {
        return json(200, await run(context, input))
      } catch (error) {
        if (error instanceof LogsRefusal) return refusal(error.type, error.message)
        throw error
      }
    },
  }
}

/** What an operation reads, in the words of policies. Service authorization reference, Amazon CloudWatch Logs. */
function logsResource(region: string, account: AccountId, operation: string, input: Input): string {
  const { logGroupName, logGroupIdentifier, logStreamName } = input
  const named = typeof logGroupIdentifier === 'string' ? logGroupIdentifier.replace(/^arn:.*:log-group:/, '') : ''
  const group = typeof logGroupName === 'string' ? logGroupName : named
  const stream = operation === 'GetLogEvents' && typeof logStreamName === 'string' ? logStreamName : ''
  return `arn:aws:logs:${region}:${account}:log-group:${group}:log-stream:${stream}`
}

/** JSON 1.1 services answer every mistake of the caller with 400. */
const statusOf = (error: AwsError): number => {
  const status = awsErrors[error.code].http
  return status >= 500 ? status : 400
}

function parse(body: Buffer): Input | undefined {
  try {
    const value: unknown = body.length === 0 ? {} : JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Input) : undefined
  } catch {
    return undefined
  }
}
