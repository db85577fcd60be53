import { busArn, defaultBusName, type TriggerRecord } from '@weft/contracts'
import type { ArchiveStore, BusPublisher } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor, Principal } from '../door.ts'
import type { Input } from '../json/fields.ts'
import { jsonDoor } from '../json/json-door.ts'
import { createArchive, deleteArchive, describeArchive, listArchives, updateArchive } from './archives.ts'
import { createEventBus, deleteEventBus, describeEventBus, listEventBuses } from './buses.ts'
import type { EventsOperation } from './context.ts'
import { putEvents, testEventPattern } from './put-events.ts'
import { cancelReplay, describeReplay, listReplays, startReplay } from './replays.ts'
import { deleteRule, describeRule, disableRule, enableRule, listRules, putRule } from './rules.ts'
import { listTagsForResource, tagResource, untagResource } from './tags.ts'
import { listRuleNamesByTarget, listTargetsByRule, putTargets, removeTargets } from './targets.ts'

export const eventsOperations: Readonly<Record<string, EventsOperation>> = {
  CreateEventBus: createEventBus,
  DeleteEventBus: deleteEventBus,
  DescribeEventBus: describeEventBus,
  ListEventBuses: listEventBuses,
  PutRule: putRule,
  DescribeRule: describeRule,
  ListRules: listRules,
  DeleteRule: deleteRule,
  EnableRule: enableRule,
  DisableRule: disableRule,
  PutTargets: putTargets,
  RemoveTargets: removeTargets,
  ListTargetsByRule: listTargetsByRule,
  ListRuleNamesByTarget: listRuleNamesByTarget,
  PutEvents: putEvents,
  TestEventPattern: testEventPattern,
  CreateArchive: createArchive,
  DescribeArchive: describeArchive,
  ListArchives: listArchives,
  UpdateArchive: updateArchive,
  DeleteArchive: deleteArchive,
  StartReplay: startReplay,
  DescribeReplay: describeReplay,
  ListReplays: listReplays,
  CancelReplay: cancelReplay,
  TagResource: tagResource,
  UntagResource: untagResource,
  ListTagsForResource: listTagsForResource,
}

export interface EventsDoorDeps {
  readonly triggers: Collection<TriggerRecord>
  readonly publisher: BusPublisher
  readonly archives: Pick<ArchiveStore, 'sizes' | 'drop'>
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

/** EventBridge: buses, rules with targets, PutEvents. JSON 1.1, operation in `X-Amz-Target`. */
export function eventsDoor(deps: EventsDoorDeps): AwsDoor {
  const { authorizer, region, triggers, publisher, archives, clock } = deps
  return jsonDoor({
    ...{ service: 'events', target: 'AWSEvents.', limitBytes: 1024 * 1024, operations: eventsOperations, authorizer },
    resource: (principal, operation, input) => resourceOf(region, principal, operation, input),
    context: ({ principal, sourceIp }) => ({
      ...{ accountId: principal.accountId, region, triggers, publisher, archives, clock },
      allows: (action, resource) =>
        authorizer.authorize(principal, { action, resource, context: { 'aws:sourceip': sourceIp } }) === undefined,
    }),
  })
}

/** Service authorization reference, Amazon EventBridge. What an entry of PutEvents is for is asked entry by entry. */
function resourceOf(region: string, { accountId }: Principal, operation: string, input: Input): string {
  const word = (member: string): string => (typeof input[member] === 'string' ? input[member] : '')
  if (word('ResourceARN') !== '') return word('ResourceARN')
  if (operation === 'PutEvents') return busArn(region, accountId, busIn(input))
  for (const kind of ['archive', 'replay']) {
    const name = word(`${kind.charAt(0).toUpperCase()}${kind.slice(1)}Name`)
    if (name !== '') return `arn:aws:events:${region}:${accountId}:${kind}/${name}`
  }
  const rule = word('Rule') || (operation.endsWith('Rule') ? word('Name') : '')
  const bus = word('EventBusName') || defaultBusName
  if (rule !== '') return `arn:aws:events:${region}:${accountId}:rule/${bus === defaultBusName ? '' : `${bus}/`}${rule}`
  return operation.endsWith('EventBus') ? busArn(region, accountId, word('Name') || defaultBusName) : '*'
}

/** The bus of the first entry: a caller who may write to none of them is refused as a whole. */
function busIn(input: Input): string {
  const [first] = Array.isArray(input.Entries) ? (input.Entries as unknown[]) : []
  const name = (first as { readonly EventBusName?: unknown } | undefined)?.EventBusName
  return typeof name === 'string' ? name.replace(/^arn:.*:event-bus\//, '') : defaultBusName
}
