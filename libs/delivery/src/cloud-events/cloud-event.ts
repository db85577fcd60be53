import { err, ok, type Result } from '@weft/contracts'

/** Context attributes by name, extensions among them. CloudEvents 1.0, "Context attributes". */
export type CloudEventAttributes = Readonly<Record<string, string | number | boolean>> & {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
}

export interface CloudEvent {
  readonly attributes: CloudEventAttributes
  /** A JSON value, or text; absent where there is none, or only bytes. */
  readonly data?: unknown
  /** Data that is neither. */
  readonly bytes?: Uint8Array
}

/** A message that carries an event, over whatever protocol. Names of headers in lower case. */
export interface CarriedMessage {
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
}

export const structuredType = 'application/cloudevents+json'
export const batchType = 'application/cloudevents-batch+json'

/** Events of one batch. */
const mostInBatch = 10
const attributeName = /^[a-z0-9]{1,64}$/
const timestamp = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const isJsonType = (type: string): boolean => /^[^;]*[/+]json\s*(;|$)/i.test(type)
const isTextType = (type: string): boolean => /^text\//i.test(type)
const mediaType = (headers: CarriedMessage['headers']): string =>
  (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

/** Whether a message says of itself that it carries an event, or several. */
export const saysCloudEvent = ({ headers }: Pick<CarriedMessage, 'headers'>): boolean =>
  headers['ce-specversion'] !== undefined || mediaType(headers).startsWith('application/cloudevents')

/**
 * Reads what a message carries: one event in binary or structured mode, or a batch of them in JSON. The error is a sentence
 * for whoever sent it. HTTP and NATS protocol bindings, JSON event format, all of 1.0.
 */
export function readCloudEvents(message: CarriedMessage): Result<readonly CloudEvent[], string> {
  const type = mediaType(message.headers)
  if (type === structuredType) {
    const value = parseJson(message.payload)
    if (!value.ok) return err('The payload is not JSON.')
    const event = ofJson(value.value)
    return event.ok ? ok([event.value]) : event
  }
  if (type === batchType) return readBatch(message.payload)
  if (type.startsWith('application/cloudevents')) return err(`${type} is no format that is read here; JSON is.`)
  const event = ofHeaders(message)
  return event.ok ? ok([event.value]) : event
}

function readBatch(payload: Uint8Array): Result<readonly CloudEvent[], string> {
  const value = parseJson(payload)
  if (!value.ok || !Array.isArray(value.value)) return err('The payload is not a JSON list.')
  const list = value.value as readonly unknown[]
  if (list.length === 0 || list.length > mostInBatch) return err(`A batch has 1 to ${mostInBatch} events.`)
  const events: CloudEvent[] = []
  for (const [at, one] of list.entries()) {
    const event = ofJson(one)
    if (!event.ok) return err(`Event ${at}: ${event.error}`)
    events.push(event.value)
  }
  return ok(events)
}

/** JSON event format. */
function ofJson(value: unknown): Result<CloudEvent, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return err('An event is a JSON object.')
  const { data, data_base64: base64, ...rest } = value as Readonly<Record<string, unknown>>
  const attributes = checkAttributes(rest)
  if (!attributes.ok) return attributes
  if (base64 === undefined || base64 === null)
    return ok({ attributes: attributes.value, ...(data !== undefined && { data }) })
  if (data !== undefined) return err('An event has data or data_base64, not both.')
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0)
    return err('data_base64 is not base64.')
  return ok({ attributes: attributes.value, bytes: Buffer.from(base64, 'base64') })
}

/** Binary mode: attributes in headers, the data as it is. */
function ofHeaders({ headers, payload }: CarriedMessage): Result<CloudEvent, string> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('ce-')) continue
    const text = percentDecode(value)
    if (text === undefined) return err(`The header ${name} is not percent-encoded UTF-8.`)
    given[name.slice('ce-'.length)] = text
  }
  const type = headers['content-type']
  const attributes = checkAttributes({ ...given, ...(type !== undefined && type !== '' && { datacontenttype: type }) })
  if (!attributes.ok) return attributes
  return payload.byteLength === 0 ? ok({ attributes: attributes.value }) : withBytes(attributes.value, payload)
}

/** Data by its type: JSON is read, text is text, everything else stays bytes. */
function withBytes(attributes: CloudEventAttributes, bytes: Uint8Array): Result<CloudEvent, string> {
  const type = `${attributes.datacontenttype ?? 'application/json'}`
  if (isJsonType(type)) {
    const value = parseJson(bytes)
    return value.ok ? ok({ attributes, data: value.value }) : err(`The data is not JSON, as ${type} says.`)
  }
  if (!isTextType(type)) return ok({ attributes, bytes })
  try {
    return ok({ attributes, data: new TextDecoder('utf-8', { fatal: true }).decode(bytes) })
  } catch {
    return ok({ attributes, bytes })
  }
}

function checkAttributes(given: Readonly<Record<string, unknown>>): Result<CloudEventAttributes, string> {
  const found: Record<string, string | number | boolean> = Object.create(null) as Record<string, never>
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue
    if (!attributeName.test(name)) return err(`${JSON.stringify(name)} is no name of an attribute.`)
    const scalar = typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
    if (!scalar) return err(`The attribute ${name} is neither a text, a whole number nor a boolean.`)
    found[name] = value as string | number | boolean
  }
  if (found.specversion !== '1.0') return err('specversion must be 1.0.')
  for (const name of ['id', 'source', 'type'])
    if (typeof found[name] !== 'string' || found[name] === '') return err(`The attribute ${name} is missing.`)
  for (const name of ['subject', 'datacontenttype', 'dataschema'])
    if (found[name] !== undefined && (typeof found[name] !== 'string' || found[name] === ''))
      return err(`The attribute ${name} is a text that is not empty.`)
  if (found.time !== undefined && !(typeof found.time === 'string' && isTime(found.time)))
    return err('The attribute time is not a time of RFC 3339.')
  return ok({ ...found } as CloudEventAttributes)
}

const isTime = (text: string): boolean => timestamp.test(text) && !Number.isNaN(Date.parse(text))

/** One event in binary mode. */
export function binaryMessage({ attributes, data, bytes }: CloudEvent): CarriedMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'datacontenttype') headers['content-type'] = percentEncode(`${value}`)
    else headers[`ce-${name}`] = percentEncode(`${value}`)
  }
  const type = `${attributes.datacontenttype ?? 'application/json'}`
  const text = typeof data === 'string' && !isJsonType(type) ? data : JSON.stringify(data)
  return { headers, payload: bytes ?? new TextEncoder().encode(data === undefined ? '' : text) }
}

/** One event in structured mode, as JSON. */
export const structuredMessage = (event: CloudEvent): CarriedMessage => ({
  headers: { 'content-type': `${structuredType}; charset=utf-8` },
  payload: new TextEncoder().encode(JSON.stringify(jsonOf(event))),
})

const jsonOf = ({ attributes, data, bytes }: CloudEvent): object => ({
  ...attributes,
  ...(bytes ? { data_base64: Buffer.from(bytes).toString('base64') } : data !== undefined && { data }),
})

/** HTTP binding, "HTTP header values": space, `"`, `%` and everything beyond printable ASCII. */
const percentEncode = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\x21\x23\x24\x26-\x7e]/gu, (c) =>
      [...Buffer.from(c)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    )

function percentDecode(text: string): string | undefined {
  const unquoted = /^"(.*)"$/s.exec(text)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? text
  try {
    return decodeURIComponent(unquoted.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25'))
  } catch {
    return undefined
  }
}

function parseJson(payload: Uint8Array): Result<unknown, 'malformed'> {
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as unknown)
  } catch {
    return err('malformed')
  }
}
