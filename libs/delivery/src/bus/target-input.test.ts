import { accountId } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { type BusEvent, entryBytes, eventTime, scheduledEvent } from './bus-event.ts'
import { checkTransformer, parsePath, targetInput } from './target-input.ts'

const event: BusEvent = {
  ...{ version: '0', id: '7bf73129-1428-4cd3-a780-95db273d1602', source: 'aws.ec2' },
  'detail-type': 'EC2 Instance State-change Notification',
  account: accountId('123456789012'),
  ...{
    time: '2015-11-11T21:29:54Z',
    region: 'us-east-1',
    resources: ['arn:aws:ec2:us-east-1:123456789012:instance/i'],
  },
  detail: { 'instance-id': 'i-0123456789', state: 'RUNNING', tags: ['a', { b: 'say "hi"' }], count: 3, on: true },
}
const context = { ruleArn: 'arn:rule', ruleName: 'r', ingestedAtMs: Date.parse('2026-01-01T00:00:00Z') }
const transform = (paths: Record<string, string>, template: string): string =>
  targetInput({ inputTransformer: { paths, template } }, event, context)

describe('what a target gets', () => {
  it('is the event, a part of it, or a text of its own', () => {
    expect(JSON.parse(targetInput({}, event, context))).toEqual(event)
    expect(targetInput({ inputPath: '$.detail' }, event, context)).toBe(JSON.stringify(event.detail))
    expect(targetInput({ inputPath: '$.detail.tags[1].b' }, event, context)).toBe('"say \\"hi\\""')
    expect(targetInput({ inputPath: "$['detail-type']" }, event, context)).toBe(JSON.stringify(event['detail-type']))
    expect(targetInput({ inputPath: '$.nothing' }, event, context)).toBe('{}')
    expect(targetInput({ input: '{"a":1}' }, event, context)).toBe('{"a":1}')
  })

  // The examples of the user guide, "Input transformation examples".
  it.each([
    [
      { instance: '$.detail.instance-id', status: '$.detail.state' },
      '"<instance> is in state \\"<status>\\""',
      '"i-0123456789 is in state \\"RUNNING\\""',
    ],
    [{ instance: '$.detail.instance-id' }, '{"instance" : <instance>}', '{"instance" : "i-0123456789"}'],
    [{ n: '$.detail.count', on: '$.detail.on' }, '{"n": <n>, "on": <on>}', '{"n": 3, "on": true}'],
    [{ tags: '$.detail.tags' }, '{"tags": <tags>}', '{"tags": ["a",{"b":"say \\"hi\\""}]}'],
    [{ b: '$.detail.tags[1].b' }, '{"b": "<b>!"}', '{"b": "say \\"hi\\"!"}'],
    [{ gone: '$.detail.gone' }, '{"gone": <gone>, "text": "<gone>"}', '{"gone": "", "text": ""}'],
    [{ s: '$.detail.state' }, 'state is <s>', '"state is \\"RUNNING\\""'],
    [
      {},
      '{"rule": <aws.events.rule-name>, "at": "<aws.events.event.ingestion-time>"}',
      '{"rule": "r", "at": "2026-01-01T00:00:00.000Z"}',
    ],
  ] as const)('%j in %s', (paths, template, expected) => {
    expect(checkTransformer({ paths, template })).toEqual({ ok: true, value: undefined })
    expect(transform(paths, template)).toBe(expected)
  })

  it('may hold the whole event', () => {
    expect(JSON.parse(transform({}, '{"all": <aws.events.event.json>}'))).toEqual({ all: event })
  })

  it.each([
    [{ a: 'detail' }, '<a>'],
    [{ a: '$..b' }, '<a>'],
    [{ AWSx: '$.detail' }, '<AWSx>'],
    [{ 'a b': '$.detail' }, '"x"'],
    [{}, '<missing>'],
  ])('refuses %j in %s', (paths, template) => {
    expect(checkTransformer({ paths: paths as unknown as Record<string, string>, template })).toMatchObject({
      ok: false,
    })
  })

  it('reads paths', () => {
    expect(parsePath("$.a['b.c'][0]")).toEqual(['a', 'b.c', 0])
    for (const bad of ['', 'a', '$a', '$.', '$.a[', '$[*]', "$['a'"]) expect(parsePath(bad)).toBeUndefined()
  })
})

it('makes scheduled events and counts entries as AWS does', () => {
  const whose = { id: event.id, account: event.account, region: 'us-east-1', arn: 'arn:x' }
  expect(scheduledEvent('aws.events', whose, 1_500)).toMatchObject({
    ...{ 'detail-type': 'Scheduled Event', time: '1970-01-01T00:00:01Z', resources: ['arn:x'], detail: {} },
  })
  expect(eventTime(0)).toBe('1970-01-01T00:00:00Z')
  expect(entryBytes({ time: 1, source: 'ab', detailType: 'ü', detail: '{}', resources: ['x'] })).toBe(
    14 + 2 + 2 + 2 + 1,
  )
})
