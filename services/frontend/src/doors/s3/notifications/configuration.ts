import {
  type BucketNotifications,
  err,
  type FunctionNotification,
  ok,
  type Result,
  type TargetNotification,
} from '@weft/contracts'
import { type S3Error, s3Error } from '../errors.ts'
import { malformedXml, readXml, type XmlRecord, xmlList, xmlRecord } from '../read-xml.ts'
import type { XmlMembers } from '../xml.ts'

/** S3 user guide, "Supported event types": those that this store has occasion to tell. */
export const eventTypes = [
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:*',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
]

const invalid = (message: string): Result<never, S3Error> => err(s3Error('InvalidArgument', message))

export type NotificationSettings = Required<Pick<BucketNotifications, 'functions' | 'targets' | 'eventBridge'>>

/** The element of each kind of configuration, and in it that of the ARN. */
const kinds = {
  function: ['CloudFunctionConfiguration', 'CloudFunction'],
  queue: ['QueueConfiguration', 'Queue'],
  topic: ['TopicConfiguration', 'Topic'],
} as const

type Wish = Omit<FunctionNotification, 'functionArn'>

/** Reads the body of PutBucketNotificationConfiguration. `newId` names what comes without an id. */
export function readNotifications(body: Buffer, newId: () => string): Result<NotificationSettings, S3Error> {
  const root = readXml(body, 'NotificationConfiguration')
  if (!root.ok) return root
  const functions: FunctionNotification[] = []
  const targets: TargetNotification[] = []
  for (const kind of ['function', 'queue', 'topic'] as const) {
    const [list, member] = kinds[kind]
    for (const item of xmlList(root.value[list])) {
      const one = readWish(xmlRecord(item), member, newId)
      if (!one.ok) return one
      const { arn, ...wish } = one.value
      if (kind === 'function') functions.push({ ...wish, functionArn: arn })
      else if (arn.startsWith('arn:aws:sqs:'))
        return invalid(
          'Queues of SQS are not supported by this fabric: arn:aws:jetstream queues, streams and subjects are.',
        )
      else if (arn.startsWith('arn:aws:sns:') !== (kind === 'topic')) return invalid('The ARN is not well formed')
      else targets.push({ ...wish, kind, targetArn: arn })
    }
  }
  const all = [...functions, ...targets]
  if (all.length > 100) return invalid('A bucket has 100 notification configurations at most.')
  if (new Set(all.map(({ id }) => id)).size < all.length)
    return invalid('Same ID used for multiple configurations. IDs must be unique')
  if (overlapping(all))
    return invalid('Configurations overlap. Configurations on the same bucket cannot share a common event type.')
  return ok({ functions, targets, eventBridge: root.value.EventBridgeConfiguration !== undefined })
}

function readWish(
  item: XmlRecord,
  member: string,
  newId: () => string,
): Result<Wish & { readonly arn: string }, S3Error> {
  const { Id, Event, Filter, [member]: arn } = item
  if (typeof arn !== 'string' || arn === '') return malformedXml(`${member} is missing.`)
  const events = xmlList(Event)
  if (events.length === 0) return malformedXml('Event is missing.')
  const unknown = events.find((one) => typeof one !== 'string' || !eventTypes.includes(one))
  if (unknown !== undefined) return invalid(`The event '${unknown}' is not supported for notifications`)
  if (Id !== undefined && (typeof Id !== 'string' || Id.length > 255))
    return invalid('An Id has 255 characters at most.')
  const rules = xmlList(xmlRecord(xmlRecord(Filter).S3Key).FilterRule).map(xmlRecord)
  const affix: { prefix?: string; suffix?: string } = {}
  for (const { Name, Value } of rules) {
    const name = typeof Name === 'string' ? Name.toLowerCase() : ''
    if (name !== 'prefix' && name !== 'suffix') return invalid('filter rule name must be either prefix or suffix')
    if (affix[name] !== undefined) return invalid(`Cannot specify more than one ${name} rule in a filter.`)
    affix[name] = typeof Value === 'string' ? decodeForm(Value) : ''
  }
  return ok({ id: Id === undefined || Id === '' ? newId() : Id, arn, events: events as string[], ...affix })
}

/** The console and the CLI write values of filters as forms do. */
const decodeForm = (text: string): string => text.replaceAll('+', ' ')

/** An event that two configurations would both tell of. */
function overlapping(all: readonly Wish[]): boolean {
  return all.some((a, i) =>
    all
      .slice(i + 1)
      .some(
        (b) =>
          a.events.some((one) => b.events.some((other) => covers(one, other) || covers(other, one))) &&
          extend(a.prefix ?? '', b.prefix ?? '') &&
          extend(reverse(a.suffix ?? ''), reverse(b.suffix ?? '')),
      ),
  )
}

const covers = (pattern: string, event: string): boolean =>
  pattern === event || (pattern.endsWith('*') && event.startsWith(pattern.slice(0, -1)))
const extend = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a)
const reverse = (text: string): string => [...text].reverse().join('')

/** Whether a configuration wants to hear of an event of a key. */
export const wants = (one: Wish, event: string, key: string): boolean =>
  one.events.some((pattern) => covers(pattern, event)) &&
  key.startsWith(one.prefix ?? '') &&
  key.endsWith(one.suffix ?? '')

export function showNotifications({ functions, targets, eventBridge }: NotificationSettings): XmlMembers {
  const ofKind = (kind: TargetNotification['kind']): XmlMembers[] =>
    targets.filter((one) => one.kind === kind).map((one) => showWish(one, kinds[kind][1], one.targetArn))
  return {
    TopicConfiguration: ofKind('topic'),
    QueueConfiguration: ofKind('queue'),
    CloudFunctionConfiguration: functions.map((one) => showWish(one, 'CloudFunction', one.functionArn)),
    ...(eventBridge && { EventBridgeConfiguration: '' }),
  }
}

const showWish = ({ id, events, prefix, suffix }: Wish, member: string, arn: string): XmlMembers => ({
  ...{ Id: id, [member]: arn, Event: [...events] },
  ...((prefix !== undefined || suffix !== undefined) && {
    Filter: {
      S3Key: {
        FilterRule: [
          ...(prefix === undefined ? [] : [{ Name: 'prefix', Value: prefix }]),
          ...(suffix === undefined ? [] : [{ Name: 'suffix', Value: suffix }]),
        ],
      },
    },
  }),
})
