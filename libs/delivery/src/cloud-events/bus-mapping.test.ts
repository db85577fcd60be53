import { accountId, functionName, ok } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import type { BusEvent } from '../bus/bus-event.ts'
import type { TargetMessage } from '../targets.ts'
import { busEventOf, cloudEventOf } from './bus-mapping.ts'
import type { CloudEvent } from './cloud-event.ts'
import { cloudEventTargets } from './cloud-event-targets.ts'

const where = { accountId: accountId('000000000000'), region: 'us-east-1', nowMs: Date.UTC(2026, 0, 1) }
const attributes = { specversion: '1.0', id: '1', source: '/shop', type: 'order.placed' } as const
const mapped = (event: CloudEvent): BusEvent => {
  const result = busEventOf(event, where)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

describe('a CloudEvent on a bus', () => {
  it('has its attributes as source, detail-type, time and resource, and its data as detail', () => {
    const time = '2026-02-03T04:05:06.789+01:00'
    const event = mapped({ attributes: { ...attributes, subject: 'orders/1', time }, data: { total: 5 } })
    expect(event).toEqual({
      ...{ version: '0', id: expect.stringMatching(/^[0-9a-f-]{36}$/), 'detail-type': 'order.placed', source: '/shop' },
      ...{ account: '000000000000', time: '2026-02-03T03:05:06Z', region: 'us-east-1', resources: ['orders/1'] },
      ...{ detail: { total: 5 }, cloudevent: { ...attributes, subject: 'orders/1', time } },
    })
    expect(mapped({ attributes, data: { other: 1 } }).id).toBe(event.id)
    expect(mapped({ attributes: { ...attributes, id: '2' } }).id).not.toBe(event.id)
  })

  it.each<[CloudEvent, object]>([
    [{ attributes, data: { a: 1 } }, { a: 1 }],
    [{ attributes, data: [1, 2] }, { data: [1, 2] }],
    [{ attributes, data: 'text' }, { data: 'text' }],
    [{ attributes, data: null }, { data: null }],
    [{ attributes, bytes: Buffer.from([0, 255]) }, { data_base64: 'AP8=' }],
    [{ attributes, data: { data: 1 } }, { data: 1 }],
  ])('comes off it as it was: %j', (event, detail) => {
    const onBus = mapped(event)
    expect(onBus.detail).toEqual(detail)
    const back = cloudEventOf(JSON.parse(JSON.stringify(onBus)))
    expect(back.attributes).toEqual(attributes)
    expect(back.bytes ?? back.data).toEqual(event.bytes ?? event.data)
  })

  it('is refused when the bus could not keep it', () => {
    const refused = (event: CloudEvent) => busEventOf(event, where).ok
    expect(refused({ attributes: { ...attributes, source: 'aws.s3' } })).toBe(false)
    expect(refused({ attributes: { ...attributes, type: 'x'.repeat(129) } })).toBe(false)
    expect(refused({ attributes, data: 'x'.repeat(300_000) })).toBe(false)
  })
})

describe('targets for CloudEvents', () => {
  const native: BusEvent = {
    ...{ version: '0', id: 'e1', 'detail-type': 'order placed', source: 'shop', account: where.accountId },
    ...{ time: '2026-01-01T00:00:00Z', region: 'us-east-1', resources: ['arn:r'], detail: { n: 1 } },
  }
  async function sent(arn: string, change: Partial<TargetMessage>) {
    const got: { to: string; message: TargetMessage }[] = []
    const targets = cloudEventTargets({
      async send(to, message) {
        got.push({ to, message })
        return ok(undefined)
      },
    })
    const payload = new TextEncoder().encode(JSON.stringify(change.event ?? {}))
    const common = { accountId: where.accountId, functionName: functionName('f'), headers: {}, messageId: 'm', payload }
    const done = await targets.send(arn, { ...common, ...change })
    const [first] = got
    return {
      done,
      to: first?.to,
      headers: first?.message.headers,
      body: new TextDecoder().decode(first?.message.payload),
    }
  }
  const arn = (mode: string) => `arn:aws:cloudevents:us-east-1:000000000000:${mode}/orders.placed`
  const own = { 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-source': 'shop', 'ce-type': 'order%20placed' }

  it('send an event of a bus to the subject, its detail as data', async () => {
    const { to, headers, body } = await sent(arn('binary'), { event: native })
    expect(to).toBe('arn:aws:jetstream:us-east-1:000000000000:subject/orders.placed')
    expect(headers).toEqual({
      ...{ ...own, 'ce-time': '2026-01-01T00:00:00Z', 'ce-subject': 'arn:r', 'content-type': 'application/json' },
    })
    expect(body).toBe('{"n":1}')
    const structured = await sent(arn('structured'), { event: { ...native, 'replay-name': 'again' } })
    expect(structured.headers).toEqual({ 'content-type': 'application/cloudevents+json; charset=utf-8' })
    expect(JSON.parse(structured.body)).toMatchObject({ id: 'e1', data: { n: 1 }, weftreplay: 'again' })
  })

  it('send what a rule made of an event under the attributes of the event', async () => {
    const payload = new TextEncoder().encode('order 1 was placed')
    const { headers, body } = await sent(arn('binary'), { event: native, payload })
    expect(headers).toMatchObject({ ...own, 'content-type': 'text/plain' })
    expect(body).toBe('order 1 was placed')
  })

  it('send the record of a run, and everything else, as what they are', async () => {
    const record = { requestContext: { functionArn: 'arn:f', condition: 'RetriesExhausted' } }
    const told = await sent(arn('binary'), { payload: new TextEncoder().encode(JSON.stringify(record)) })
    expect(told.headers).toMatchObject({
      ...{ 'ce-id': 'm', 'ce-source': 'lambda', 'ce-subject': 'arn:f' },
      'ce-type': 'Lambda%20Function%20Invocation%20Result%20-%20Failure',
    })
    const other = await sent(arn('binary'), { payload: new TextEncoder().encode('raw'), headers: { RequestID: 'r' } })
    expect(other.headers).toMatchObject({
      ...{ RequestID: 'r', 'ce-type': 'weft.message', 'ce-source': '/accounts/000000000000/functions/f' },
    })
  })

  it.each([
    'arn:aws:cloudevents:us-east-1:000000000000:other/x',
    'arn:aws:cloudevents:us-east-1:000000000000:binary/a..b',
    'arn:aws:cloudevents:us-east-1:000000000000:binary/a.*',
  ])('know no %s', async (bad) => {
    expect((await sent(bad, {})).done).toMatchObject({ ok: false, error: { permanent: true } })
  })
})
