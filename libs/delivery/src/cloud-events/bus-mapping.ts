import { type AccountId, err, limits, ok, type Result, requestIdOfMessage } from '@weft/contracts'
import { type BusEvent, eventTime } from '../bus/bus-event.ts'
import type { CloudEvent, CloudEventAttributes } from './cloud-event.ts'

/** API reference, PutEvents: DetailType. */
const longestType = 128

/** The member of the detail that holds data which is no JSON object. */
type Holder = 'data' | 'data_base64'

/** How a bus event that came as a CloudEvent remembers it: its attributes, and where its data lies. */
export type CameAs = CloudEventAttributes & { readonly detail_member?: Holder }

/**
 * A CloudEvent as an event of a bus: `source`, `type` and `time` are source, detail-type and time; `subject` the one
 * resource; data that is a JSON object the detail, other data a member of it, `data` or `data_base64`. All attributes stand
 * under `cloudevent` as they came. The id is made of source and id, so that an event sent twice within two minutes is one.
 * The error is a sentence for whoever sent it.
 */
export function busEventOf(
  { attributes, data, bytes }: CloudEvent,
  where: { readonly accountId: AccountId; readonly region: string; readonly nowMs: number },
): Result<BusEvent, string> {
  const { source, type, subject, time } = attributes
  if (source.startsWith('aws.')) return err('A source that begins with aws. is not for others to use.')
  if (type.length > longestType) return err(`The attribute type is longer than ${longestType} characters.`)
  const holder: Holder | undefined = bytes ? 'data_base64' : isObject(data) || data === undefined ? undefined : 'data'
  const held = bytes ? Buffer.from(bytes).toString('base64') : data
  const event: BusEvent = {
    version: '0',
    id: requestIdOfMessage(`cloudevent ${where.accountId} ${source}`, attributes.id, 0),
    'detail-type': type,
    source,
    account: where.accountId,
    time: eventTime(typeof time === 'string' ? Date.parse(time) : where.nowMs),
    region: where.region,
    resources: typeof subject === 'string' ? [subject] : [],
    detail: holder === undefined ? ((data ?? {}) as BusEvent['detail']) : { [holder]: held },
    cloudevent: { ...attributes, ...(holder !== undefined && { detail_member: holder }) },
  }
  const size = Buffer.byteLength(JSON.stringify(event))
  return size > limits.busEventBytes
    ? err(`The event has ${size} bytes, ${limits.busEventBytes} are taken at most.`)
    : ok(event)
}

/** Attributes of an event of a bus: those it came with, or those that follow from it. */
export function attributesOf(event: BusEvent): CloudEventAttributes {
  const { detail_member: _, ...came } = event.cloudevent ?? ({} as Partial<CameAs>)
  const replay = event['replay-name'] === undefined ? {} : { weftreplay: event['replay-name'] }
  if (came.specversion === '1.0') return { ...(came as CloudEventAttributes), ...replay }
  const [subject] = event.resources
  return {
    specversion: '1.0',
    id: event.id,
    source: event.source,
    type: event['detail-type'],
    time: event.time,
    ...(subject !== undefined && subject !== '' && { subject }),
    datacontenttype: 'application/json',
    ...replay,
  }
}

/** An event of a bus as a CloudEvent; one that came as such is what it was. */
export function cloudEventOf(event: BusEvent): CloudEvent {
  const attributes = attributesOf(event)
  const holder = event.cloudevent?.detail_member
  if (holder === 'data_base64') return { attributes, bytes: Buffer.from(`${event.detail.data_base64}`, 'base64') }
  return { attributes, data: holder === 'data' ? event.detail.data : event.detail }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
