import type { AccountId } from '@weft/contracts'
import type { StreamReader } from '@weft/nats'
import type { Catalogue } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor } from '../door.ts'
import type { Input } from '../json/fields.ts'
import { jsonDoor } from '../json/json-door.ts'
import { LogReader } from './log-reader.ts'
import { logsOperations } from './operations.ts'

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
  const { authorizer, region } = deps
  const reader = new LogReader(deps.logs, deps.catalogue)
  return jsonDoor({
    ...{ service: 'logs', target: 'Logs_20140328.', limitBytes: 64 * 1024, operations: logsOperations, authorizer },
    resource: ({ accountId }, operation, input) => logsResource(region, accountId, operation, input),
    context: ({ principal }) => ({ accountId: principal.accountId, region, reader }),
  })
}

/** What an operation reads, in the words of policies. Service authorization reference, Amazon CloudWatch Logs. */
function logsResource(region: string, account: AccountId, operation: string, input: Input): string {
  const { logGroupName, logGroupIdentifier, logStreamName } = input
  const named = typeof logGroupIdentifier === 'string' ? logGroupIdentifier.replace(/^arn:.*:log-group:/, '') : ''
  const group = typeof logGroupName === 'string' ? logGroupName : named
  const stream = operation === 'GetLogEvents' && typeof logStreamName === 'string' ? logStreamName : ''
  return `arn:aws:logs:${region}:${account}:log-group:${group}:log-stream:${stream}`
}
