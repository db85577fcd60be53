import { randomUUID } from 'node:crypto'
import { busArn, limits } from '@weft/contracts'
import { type BusEvent, entryBytes, eventTime, parsePattern } from '@weft/delivery'
import { cleanTraceHeader } from '../../operations/invocation-input.ts'
import { type Input, isObject, objects, refuseUnserved, required, text, texts, time } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import { busNamed, type EventsContext, type EventsOperation, existingBus } from './context.ts'
import { checkedPattern } from './rules.ts'

/** Why an entry was not taken; the others are. */
interface Failure {
  readonly ErrorCode: string
  readonly ErrorMessage: string
}

const invalid = (parameter: string, reason: string): Failure => ({
  ErrorCode: 'InvalidArgument',
  ErrorMessage: `Parameter ${parameter} is not valid. Reason: ${reason}`,
})

interface Ready {
  readonly bus: string
  readonly event: BusEvent
  readonly traceHeader?: string
}

/** Stores each entry durably on its bus before its id is told. API reference, PutEvents. */
export const putEvents: EventsOperation = async (context, input) => {
  refuseUnserved(input, ['EndpointId'])
  const entries = required('Entries', objects(input, 'Entries', { min: 1, max: 10 }))
  const read = entries.map((entry) => readEntry(context, entry))
  const bytes = read.reduce((sum, one) => sum + one.bytes, 0)
  if (bytes > limits.busEventBytes) throw validation('Total size of the entries in the request is over the limit.')
  const results = await Promise.all(read.map(({ ready }) => ('event' in ready ? put(context, ready) : ready)))
  return {
    FailedEntryCount: results.filter((one) => 'ErrorCode' in one).length,
    Entries: results,
  }
}

async function put({ publisher, accountId }: EventsContext, { bus, event, traceHeader }: Ready) {
  const stored = await publisher.put(accountId, bus, event, traceHeader === undefined ? {} : { traceHeader })
  if (stored.ok) return { EventId: event.id }
  return stored.error === 'store-full'
    ? { ErrorCode: 'ThrottlingException', ErrorMessage: 'The event bus is full: its rules have not been followed yet.' }
    : { ErrorCode: 'InternalFailure', ErrorMessage: 'The event could not be stored.' }
}

function readEntry(context: EventsContext, entry: Input): { readonly bytes: number; readonly ready: Ready | Failure } {
  const source = text(entry, 'Source')
  const detailType = text(entry, 'DetailType')
  const detail = text(entry, 'Detail')
  const resources = texts(entry, 'Resources')
  const at = time(entry, 'Time')
  const traceHeader = cleanTraceHeader(text(entry, 'TraceHeader', { min: 1, max: 500 }))
  const bytes = entryBytes({
    time: at,
    ...(source !== undefined && { source }),
    ...(detailType !== undefined && { detailType }),
    ...(detail !== undefined && { detail }),
    ...(resources && { resources }),
  })
  const failed = (ready: Failure) => ({ bytes, ready })
  if (!source) return failed(invalid('Source', 'Source is a required argument.'))
  if (!detailType) return failed(invalid('DetailType', 'DetailType is a required argument.'))
  if (detail === undefined) return failed(invalid('Detail', 'Detail is a required argument.'))
  if (source.startsWith('aws.'))
    return failed({
      ErrorCode: 'NotAuthorizedForSourceException',
      ErrorMessage: 'Not authorized for the source.',
    })
  if (detailType.length > 128) return failed(invalid('DetailType', 'DetailType is longer than 128 characters.'))
  const parsed = parseDetail(detail)
  if (!parsed) return failed({ ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' })
  const bus = busOf(context, entry)
  if (typeof bus !== 'string') return failed(bus)
  const event: BusEvent = {
    ...{ version: '0', id: randomUUID(), 'detail-type': detailType, source, account: context.accountId },
    ...{
      time: eventTime(at ?? context.clock.now()),
      region: context.region,
      resources: resources ?? [],
      detail: parsed,
    },
  }
  return { bytes, ready: { bus, event, ...(traceHeader !== undefined && { traceHeader }) } }
}

function busOf(context: EventsContext, entry: Input): string | Failure {
  try {
    const name = busNamed(context, entry)
    existingBus(context, name)
    if (context.allows('events:PutEvents', busArn(context.region, context.accountId, name))) return name
    return { ErrorCode: 'NotAuthorizedException', ErrorMessage: `Not authorized to put events on event bus ${name}.` }
  } catch (error) {
    if (error instanceof ServiceRefusal) return invalid('EventBusName', error.message)
    throw error
  }
}

function parseDetail(detail: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(detail)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether an event, whole and given as JSON text, fits a pattern. */
export const testEventPattern: EventsOperation = async (_, input) => {
  const pattern = required('EventPattern', checkedPattern(input))
  const event = parseDetail(required('Event', text(input, 'Event')))
  const must = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type']
  if (!event || must.some((name) => event[name] === undefined)) throw validation('Parameter Event is not valid.')
  const parsed = parsePattern(pattern)
  return { Result: parsed.ok && parsed.value.matches(event) }
}
