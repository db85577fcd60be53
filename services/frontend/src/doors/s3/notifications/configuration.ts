import { type BucketNotifications, err, type FunctionNotification, ok, type Result } from '@weft/contracts'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { type S3Error, s3Error } from '../errors.ts'
import type { XmlMembers } from '../xml.ts'

/** S3 user guide, "Supported event types": those that this store has occasion to tell. */
export const eventTypes = [
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Copy',
  's3:ObjectCreated:CompleteMultipartUpload',
  's3:ObjectRemoved:*',
  's3:ObjectRemoved:Delete',
  's3:ObjectRemoved:DeleteMarkerCreated',
]

const malformed = (message: string): Result<never, S3Error> => err(s3Error('MalformedXML', message))
const invalid = (message: string): Result<never, S3Error> => err(s3Error('InvalidArgument', message))

type Settings = Pick<BucketNotifications, 'functions' | 'eventBridge'>

const lists = ['CloudFunctionConfiguration', 'QueueConfiguration', 'TopicConfiguration', 'Event', 'FilterRule']
const parser = new XMLParser({
  ...{ ignoreAttributes: true, parseTagValue: false, trimValues: true, processEntities: true },
  isArray: (name) => lists.includes(name),
})

/** Reads the body of PutBucketNotificationConfiguration. `newId` names what comes without an id. */
export function readNotifications(body: string, newId: () => string): Result<Settings, S3Error> {
  if (body.includes('<!') || XMLValidator.validate(body) !== true)
    return malformed('The XML you provided was not well-formed or did not validate against our published schema')
  const document = parser.parse(body) as Record<string, unknown>
  if (!Object.hasOwn(document, 'NotificationConfiguration')) return malformed('NotificationConfiguration is missing.')
  const root = record(document.NotificationConfiguration)
  for (const name of ['QueueConfiguration', 'TopicConfiguration'])
    if (root[name] !== undefined)
      return invalid(`${name} is not supported by this fabric: functions and EventBridge can be notified.`)
  const functions: FunctionNotification[] = []
  for (const item of listOf(root.CloudFunctionConfiguration)) {
    const one = readFunction(record(item), newId)
    if (!one.ok) return one
    functions.push(one.value)
  }
  if (functions.length > 100) return invalid('A bucket has 100 notification configurations at most.')
  if (new Set(functions.map(({ id }) => id)).size < functions.length)
    return invalid('Same ID used for multiple configurations. IDs must be unique')
  if (overlapping(functions))
    return invalid('Configurations overlap. Configurations on the same bucket cannot share a common event type.')
  return ok({ functions, eventBridge: root.EventBridgeConfiguration !== undefined })
}

function readFunction(
  item: Readonly<Record<string, unknown>>,
  newId: () => string,
): Result<FunctionNotification, S3Error> {
  const { Id, CloudFunction, Event, Filter } = item
  if (typeof CloudFunction !== 'string' || CloudFunction === '') return malformed('CloudFunction is missing.')
  const events = listOf(Event)
  if (events.length === 0) return malformed('Event is missing.')
  const unknown = events.find((one) => typeof one !== 'string' || !eventTypes.includes(one))
  if (unknown !== undefined) return invalid(`The event '${unknown}' is not supported for notifications`)
  if (Id !== undefined && (typeof Id !== 'string' || Id.length > 255))
    return invalid('An Id has 255 characters at most.')
  const rules = listOf(record(record(Filter).S3Key).FilterRule).map(record)
  const affix: { prefix?: string; suffix?: string } = {}
  for (const { Name, Value } of rules) {
    const name = typeof Name === 'string' ? Name.toLowerCase() : ''
    if (name !== 'prefix' && name !== 'suffix') return invalid('filter rule name must be either prefix or suffix')
    if (affix[name] !== undefined) return invalid(`Cannot specify more than one ${name} rule in a filter.`)
    affix[name] = typeof Value === 'string' ? decodeForm(Value) : ''
  }
  return ok({
    id: Id === undefined || Id === '' ? newId() : Id,
    functionArn: CloudFunction,
    events: events as string[],
    ...affix,
  })
}

/** The console and the CLI write values of filters as forms do. */
const decodeForm = (text: string): string => text.replaceAll('+', ' ')

/** An event that two configurations would both tell of. */
function overlapping(all: readonly FunctionNotification[]): boolean {
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
export const wants = (one: FunctionNotification, event: string, key: string): boolean =>
  one.events.some((pattern) => covers(pattern, event)) &&
  key.startsWith(one.prefix ?? '') &&
  key.endsWith(one.suffix ?? '')

export const showNotifications = ({ functions, eventBridge }: Settings): XmlMembers => ({
  CloudFunctionConfiguration: functions.map((one) => ({
    Id: one.id,
    CloudFunction: one.functionArn,
    Event: [...one.events],
    ...((one.prefix !== undefined || one.suffix !== undefined) && {
      Filter: {
        S3Key: {
          FilterRule: [
            ...(one.prefix === undefined ? [] : [{ Name: 'prefix', Value: one.prefix }]),
            ...(one.suffix === undefined ? [] : [{ Name: 'suffix', Value: one.suffix }]),
          ],
        },
      },
    }),
  })),
  ...(eventBridge && { EventBridgeConfiguration: '' }),
})

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
