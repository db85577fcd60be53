import { createHash } from 'node:crypto'
import {
  type AccountId,
  functionName,
  headers,
  limits,
  parseTargetSubject,
  requestIdOfMessage,
  subjects,
} from '@weft/contracts'
import { decodeEnding, encodeEnding } from './ending-headers.ts'
import {
  type EndCondition,
  errorLine,
  type LastError,
  type MessagePlace,
  type QueuedEvent,
  type RunResponse,
} from './event.ts'

export type HeaderValues = Readonly<Record<string, string>>

/** What the store holds for an event: a subject, header values and the payload. */
export interface EventMessage {
  readonly subject: string
  readonly headers: HeaderValues
  readonly payload: Uint8Array
}

/** Stands in dead letters for a subject that names no function. */
export const unroutable = functionName('_unroutable')

export const checksumOf = (payload: Uint8Array): string => createHash('sha256').update(payload).digest('hex')

/** Message of an event as a frontend takes it in (`accept`) or as async-queue puts it back (`retry`). */
export function encodeEvent(event: QueuedEvent, kind: 'accept' | 'retry'): EventMessage {
  // An answer that is still to be told travels behind the event.
  const payload = event.response ? Buffer.concat([event.payload, event.response.payload]) : event.payload
  const values: Record<string, string> = {
    [headers.requestId]: event.requestId,
    [headers.acceptedAt]: `${event.acceptedAtMs}`,
    [headers.checksum]: checksumOf(payload),
  }
  if (event.traceHeader !== undefined) values[headers.traceId] = event.traceHeader
  if (event.traceparent !== undefined) values[headers.traceparent] = event.traceparent
  if (event.tracked) values[headers.tracked] = '1'
  if (event.tenantId !== undefined) values[headers.tenant] = encodeURIComponent(event.tenantId)
  if (kind === 'retry') {
    values[headers.attempt] = `${event.attempt}`
    values[headers.functionErrors] = `${event.functionErrors}`
    values[headers.backoffs] = `${event.backoffs}`
    values[headers.turn] = `${event.turn}`
    values[headers.notBefore] = `${event.notBeforeMs}`
    if (event.lastError) values[headers.lastError] = Buffer.from(JSON.stringify(event.lastError)).toString('base64')
    Object.assign(values, encodeEnding(event))
  }
  return {
    subject: subjects[kind](event.accountId, event.functionName, event.qualifier),
    headers: values,
    payload,
  }
}

/**
 * Reads a message of an account's event or retry stream. Headers are trusted on `weft.accept` and `weft.retry`, where
 * only the fabric can publish; on `weft.event`, where clients publish, all but the trace headers are ignored and the
 * request id follows from the message's place, so that it is the same in every delivery.
 *
 * Never fails: what cannot be read comes back as an event whose `ending` says so, to be shown as a dead letter.
 */
export function decodeEvent(
  account: AccountId,
  subject: string,
  header: (name: string) => string | undefined,
  payload: Uint8Array,
  place: MessagePlace,
): QueuedEvent {
  const target = parseTargetSubject(subject)
  const verb = subject.split('.')[1]
  const trusted = verb === 'accept' || verb === 'retry'
  const plain: QueuedEvent = {
    requestId: requestIdOfMessage(place.stream, place.streamCreatedAt, place.sequence),
    accountId: account,
    functionName: target.ok ? target.value.functionName : unroutable,
    ...(target.ok && target.value.qualifier !== undefined && { qualifier: target.value.qualifier }),
    payload,
    acceptedAtMs: place.storedAtMs,
    attempt: 1,
    functionErrors: 0,
    backoffs: 0,
    turn: 0,
    notBeforeMs: 0,
    ...traceOf(header),
  }
  if (!target.ok || target.value.accountId !== account)
    return ended(plain, 'MalformedEvent', 'subject names no function')
  return trusted ? decodeTrusted(plain, header) : decodeUntrusted(withTenant(plain, header(headers.tenantId)))
}

const withTenant = (event: QueuedEvent, tenantId: string | undefined): QueuedEvent =>
  tenantId === undefined ? event : { ...event, tenantId }

const ended = (event: QueuedEvent, ending: EndCondition, message: string): QueuedEvent => ({
  ...event,
  ending,
  lastError: { code: 400, message: errorLine(message) },
})

/** A traceparent or trace header that is not of the known form is dropped: it must not keep an event from running. */
function traceOf(header: (name: string) => string | undefined): Pick<QueuedEvent, 'traceHeader' | 'traceparent'> {
  const traceHeader = header(headers.traceId)
  const traceparent = header(headers.traceparent)
  return {
    ...(traceHeader !== undefined && /^[\x21-\x7e]{1,512}$/.test(traceHeader) && { traceHeader }),
    ...(traceparent !== undefined && /^[0-9a-f]{2}(-[0-9a-f]+){3}$/.test(traceparent) && { traceparent }),
  }
}

function decodeUntrusted(plain: QueuedEvent): QueuedEvent {
  // A publish without data is AWS's invoke without a payload: the function gets an empty object.
  const event = plain.payload.length === 0 ? { ...plain, payload: new TextEncoder().encode('{}') } : plain
  if (event.payload.length > limits.asyncPayloadBytes)
    return ended(
      event,
      'MalformedEvent',
      `${event.payload.length} byte payload is too large for the Event invocation type (limit ${limits.asyncPayloadBytes} bytes)`,
    )
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(event.payload))
    return event
  } catch (error) {
    return ended(event, 'MalformedEvent', `Could not parse request body into json: ${(error as Error).message}`)
  }
}

function decodeTrusted(plain: QueuedEvent, header: (name: string) => string | undefined): QueuedEvent {
  const wrong: string[] = []
  const integer = (name: string, absent: number | undefined, least: number): number => {
    const text = header(name)
    if (text === undefined && absent !== undefined) return absent
    const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least)) wrong.push(name)
    return value >= least ? value : least
  }
  const requestId = header(headers.requestId)
  if (requestId === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(requestId))
    wrong.push(headers.requestId)
  const lastError = decodeLastError(header(headers.lastError))
  if (lastError === 'malformed') wrong.push(headers.lastError)
  const ending = decodeEnding(header, plain.payload.length)
  if (!ending.ok) wrong.push(ending.error)
  const event: QueuedEvent = {
    ...withTenant(plain, decodeTenant(header(headers.tenant), wrong)),
    acceptedAtMs: integer(headers.acceptedAt, undefined, 0),
    attempt: integer(headers.attempt, 1, 1),
    functionErrors: integer(headers.functionErrors, 0, 0),
    backoffs: integer(headers.backoffs, 0, 0),
    turn: integer(headers.turn, 0, 0),
    notBeforeMs: integer(headers.notBefore, 0, 0),
    ...(header(headers.tracked) === '1' && { tracked: true }),
    ...(lastError !== undefined && lastError !== 'malformed' && { lastError }),
  }
  if (wrong.length > 0)
    return ended(
      { ...event, acceptedAtMs: event.acceptedAtMs || plain.acceptedAtMs },
      'MalformedEvent',
      `unreadable headers: ${wrong.join(', ')}`,
    )
  const named = { ...event, requestId: requestId as string }
  if (header(headers.checksum) !== checksumOf(event.payload))
    return ended(named, 'ChecksumMismatch', 'the stored payload differs from the accepted one')
  if (!ending.ok) return named
  const { response, ...rest } = ending.value
  if (!response) return { ...named, ...rest }
  const { payloadBytes, ...about } = response
  const cut = event.payload.length - payloadBytes
  return {
    ...named,
    ...rest,
    payload: event.payload.subarray(0, cut),
    response: { ...about, payload: event.payload.subarray(cut) } satisfies RunResponse,
  }
}

function decodeTenant(text: string | undefined, wrong: string[]): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    wrong.push(headers.tenant)
    return undefined
  }
}

function decodeLastError(text: string | undefined): LastError | 'malformed' | undefined {
  if (text === undefined) return undefined
  try {
    const { code, message } = JSON.parse(Buffer.from(text, 'base64').toString()) as Partial<LastError>
    if (typeof code === 'number' && typeof message === 'string') return { code, message: errorLine(message) }
  } catch {
    // Falls through: the header is as unreadable as one with other members.
  }
  return 'malformed'
}
