import { HTTP, CloudEvent as OfficialEvent } from 'cloudevents'
import { describe, expect, it } from 'vitest'
import { binaryMessage, type CarriedMessage, readCloudEvents, structuredMessage } from './cloud-event.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const must = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order.placed' }
const binary = (headers: Record<string, string>, payload = ''): CarriedMessage => ({
  headers: { ...must, ...headers },
  payload: utf8(payload),
})
const structured = (body: unknown, type = 'application/cloudevents+json'): CarriedMessage => ({
  headers: { 'content-type': type },
  payload: utf8(typeof body === 'string' ? body : JSON.stringify(body)),
})
const attributes = { specversion: '1.0', id: '1', source: '/shop', type: 'order.placed' }

describe('the official SDK', () => {
  const made = new OfficialEvent({
    ...{
      id: 'a "quoted" 100% ü€',
      source: '/shop',
      type: 'order.placed',
      subject: 'orders/1',
      time: '2026-01-01T00:00:00.000Z',
    },
    ...{ datacontenttype: 'application/json', data: { n: 1, text: 'ü' }, shopid: 'x' },
  })
  const carried = ({ headers, body }: ReturnType<typeof HTTP.binary>): CarriedMessage => ({
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), `${value}`])),
    payload: utf8(`${body}`),
  })

  it('is read in structured mode', () => {
    const read = readCloudEvents(carried(HTTP.structured(made)))
    expect(read).toMatchObject({
      ok: true,
      value: [
        { attributes: { id: 'a "quoted" 100% ü€', subject: 'orders/1', shopid: 'x' }, data: { n: 1, text: 'ü' } },
      ],
    })
  })

  it('is read in binary mode', () => {
    const plain = made.cloneWith({ id: 'plain' })
    const read = readCloudEvents(carried(HTTP.binary(plain)))
    expect(read).toMatchObject({
      ok: true,
      value: [
        {
          attributes: {
            id: 'plain',
            time: '2026-01-01T00:00:00.000Z',
            datacontenttype: expect.stringContaining('json'),
          },
        },
      ],
    })
  })

  it.each([binaryMessage, structuredMessage])('reads what is written here', (write) => {
    const event = {
      attributes: { ...attributes, subject: 'orders/1', datacontenttype: 'application/json', n: 5 } as const,
      data: { n: 1 },
    }
    const { headers, payload } = write({ ...event, attributes: { ...event.attributes, specversion: '1.0' } })
    const read = HTTP.toEvent({ headers, body: text(payload) }) as OfficialEvent<{ n: number }>
    expect(read).toMatchObject({ id: '1', source: '/shop', type: 'order.placed', subject: 'orders/1', data: { n: 1 } })
  })
})

describe('binary mode', () => {
  it('takes attributes from headers, percent-encoded, and data by its type', () => {
    const headers = {
      'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80',
      'content-type': 'application/json; charset=utf-8',
    }
    expect(readCloudEvents(binary(headers, '[1]'))).toEqual({
      ok: true,
      value: [
        {
          attributes: { ...attributes, subject: 'Euro € 😀', datacontenttype: 'application/json; charset=utf-8' },
          data: [1],
        },
      ],
    })
    const plain = readCloudEvents(binary({ 'content-type': 'text/plain' }, 'hello'))
    expect(plain).toMatchObject({ ok: true, value: [{ data: 'hello' }] })
    const bytes = readCloudEvents({ headers: { ...must, 'content-type': 'image/png' }, payload: Uint8Array.of(0, 255) })
    expect(bytes).toMatchObject({ ok: true, value: [{ bytes: Uint8Array.of(0, 255) }] })
    expect(readCloudEvents(binary({}))).toEqual({ ok: true, value: [{ attributes }] })
  })

  it('gives back what it was given', () => {
    for (const message of [
      binary(
        { 'ce-subject': 'a%22b%25%20%C3%BC', 'ce-time': '2026-01-01T00:00:00Z', 'content-type': 'application/json' },
        '{"a":1}',
      ),
      binary({ 'content-type': 'text/plain', 'ce-ext1': 'x' }, 'hello'),
      { headers: { ...must, 'content-type': 'image/png' }, payload: Uint8Array.of(0, 255) },
      binary({}),
    ]) {
      const read = readCloudEvents(message)
      if (!read.ok || !read.value[0]) throw new Error('not read')
      const again = binaryMessage(read.value[0])
      expect({ headers: again.headers, payload: [...again.payload] }).toEqual({
        ...{ headers: message.headers, payload: [...message.payload] },
      })
    }
  })
})

describe('structured mode', () => {
  it('takes an event, or a batch of up to ten', () => {
    const one = { ...attributes, data_base64: 'AP8=', datacontenttype: 'image/png' }
    expect(readCloudEvents(structured(one))).toMatchObject({ ok: true, value: [{ bytes: Buffer.from([0, 255]) }] })
    const batch = 'application/cloudevents-batch+json'
    expect(readCloudEvents(structured([attributes, one], batch))).toMatchObject({ ok: true, value: [{}, {}] })
    expect(readCloudEvents(structured([], batch)).ok).toBe(false)
    expect(readCloudEvents(structured(Array(11).fill(attributes), batch)).ok).toBe(false)
    expect(readCloudEvents(structured([attributes, { ...attributes, id: '' }], batch))).toEqual({
      ...{ ok: false, error: 'Event 1: The attribute id is missing.' },
    })
  })

  it('gives back what it was given', () => {
    for (const event of [
      { ...attributes, data: { a: [1, null] } },
      { ...attributes, data: 'text', datacontenttype: 'text/plain', ext: true },
      { ...attributes, data_base64: 'AP8=' },
      attributes,
    ]) {
      const read = readCloudEvents(structured(event))
      if (!read.ok || !read.value[0]) throw new Error('not read')
      expect(JSON.parse(text(structuredMessage(read.value[0]).payload))).toEqual(event)
    }
  })
})

it.each([
  ['another version', binary({ 'ce-specversion': '0.3' }), 'specversion must be 1.0.'],
  ['no id', binary({ 'ce-id': '' }), 'The attribute id is missing.'],
  ['no time', binary({ 'ce-time': 'yesterday' }), 'The attribute time is not a time of RFC 3339.'],
  [
    'an impossible time',
    binary({ 'ce-time': '2026-13-41T00:00:00Z' }),
    'The attribute time is not a time of RFC 3339.',
  ],
  ['a name that is none', binary({ 'ce-Not_One': 'x' }), '"Not_One" is no name of an attribute.'],
  ['__proto__', structured('{"__proto__":{"a":1},"specversion":"1.0"}'), '"__proto__" is no name of an attribute.'],
  ['broken encoding', binary({ 'ce-subject': '%C3' }), 'The header ce-subject is not percent-encoded UTF-8.'],
  [
    'broken JSON',
    binary({ 'content-type': 'application/json' }, '{'),
    'The data is not JSON, as application/json says.',
  ],
  ['no JSON', structured('{'), 'The payload is not JSON.'],
  ['a list', structured([attributes]), 'An event is a JSON object.'],
  [
    'another format',
    structured('', 'application/cloudevents+avro'),
    'application/cloudevents+avro is no format that is read here; JSON is.',
  ],
  [
    'an attribute that is an object',
    structured({ ...attributes, ext: {} }),
    'The attribute ext is neither a text, a whole number nor a boolean.',
  ],
  [
    'two kinds of data',
    structured({ ...attributes, data: 1, data_base64: 'AA==' }),
    'An event has data or data_base64, not both.',
  ],
  ['no base64', structured({ ...attributes, data_base64: '!' }), 'data_base64 is not base64.'],
])('%s is refused', (_, message, error) => {
  expect(readCloudEvents(message)).toEqual({ ok: false, error })
})
