import type { AccountId, TriggerRecord } from '@weft/contracts'
import type { StreamReader } from '@weft/nats'
import type { Clock } from '@weft/platform'
import type { Catalogue, Collection } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor } from '../door.ts'
import type { Input } from '../json/fields.ts'
import { jsonDoor } from '../json/json-door.ts'
import { LogReader } from './log-reader.ts'
import { logsOperations } from './operations.ts'

/**
 * The reading half of CloudWatch Logs over the log stream of the fabric, and filters that call functions with lines: JSON 1.1, operation in `X-Amz-Target`. Lines
 * are those of the caller's own account.
 */
export function logsDoor(deps: {
  readonly logs: StreamReader
  readonly catalogue: Pick<Catalogue, 'functions' | 'versions' | 'function' | 'version' | 'alias'>
  readonly triggers: Collection<TriggerRecord>
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}): AwsDoor {
  const { authorizer, region, catalogue, triggers, clock } = deps
  const reader = new LogReader(deps.logs, deps.catalogue)
  return jsonDoor({
    ...{ service: 'logs', target: 'Logs_20140328.', limitBytes: 64 * 1024, operations: logsOperations, authorizer },
    resource: ({ accountId }, operation, input) => logsResource(region, accountId, operation, input),
    context: ({ principal }) => ({ accountId: principal.accountId, region, reader, catalogue, triggers, clock }),
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
