import { type Archive, accountId, type EventRule, type TriggerRecord, triggerKeys } from '@weft/contracts'
import { type BusEvent, type Posted, TriggerIndex } from '@weft/delivery'
import { expect, it } from 'vitest'
import { followRules } from './follow-rules.ts'

const account = accountId('000000000000')
const target = {
  maximumEventAgeSeconds: 60,
  maximumRetryAttempts: 0,
  arn: `arn:aws:jetstream:us-east-1:${account}:stream/S`,
}
const rule = (name: string, eventPattern: string): EventRule => ({
  ...{
    kind: 'rule',
    accountId: account,
    busName: 'default',
    name,
    eventPattern,
    enabled: true,
    createdAtMs: 0,
    tags: {},
  },
  targets: [{ ...target, id: 't' }],
})
const archive = (name: string, eventPattern?: string): Archive => ({
  ...{ kind: 'archive', accountId: account, busName: 'default', name, retentionDays: 0, createdAtMs: 0 },
  ...(eventPattern !== undefined && { eventPattern }),
})
const event: BusEvent = {
  ...{ version: '0', id: 'e1', 'detail-type': 'order', source: 'shop', account, time: '2026-01-01T00:00:00Z' },
  ...{ region: 'us-east-1', resources: [], detail: { n: 1 } },
}
const records: readonly (readonly [string, TriggerRecord])[] = [
  [triggerKeys.rule(account, 'default', 'a'), rule('a', '{"source":["shop"]}')],
  [triggerKeys.rule(account, 'default', 'b'), rule('b', '{"source":["shop"],"replay-name":[{"exists":false}]}')],
  [triggerKeys.archive(account, 'all'), archive('all')],
  [triggerKeys.archive(account, 'other'), archive('other', '{"source":["other"]}')],
  [triggerKeys.archive(account, 'far'), { ...archive('far'), busName: 'far' }],
]

function follow(change: Partial<BusEvent> = {}, ruleNames?: readonly string[], traceHeader?: string) {
  const triggers = new TriggerIndex()
  for (const [key, record] of records) triggers.put(key, record)
  const posted: Extract<Posted, { kind: 'event' }> = {
    ...{ kind: 'event', accountId: account, bus: 'default', event: { ...event, ...change } },
    ...(ruleNames && { ruleNames }),
    ...(traceHeader !== undefined && { traceHeader }),
  }
  return [...followRules({ triggers, region: 'us-east-1' }, posted, { storedAtMs: 77 })]
}

it('sends an event to the targets of the rules that match it and to the archives of its bus', () => {
  const sent = follow()
  expect(sent.map(({ messageId }) => messageId)).toEqual(['e1-a-t', 'e1-b-t', 'e1-archive-all'])
  expect(sent[2]?.target.arn).toBe(`arn:aws:events:us-east-1:${account}:archive/all`)
  expect(JSON.parse(sent[2]?.payload ?? '')).toEqual({ arrivedAtMs: 77, event })
})

it('takes a replayed event for another one, and archives it no second time', () => {
  const sent = follow({ 'replay-name': 'again' })
  expect(sent.map(({ messageId }) => messageId)).toEqual(['e1-again-a-t'])
  expect(JSON.parse(sent[0]?.payload ?? '')).toMatchObject({ id: 'e1', 'replay-name': 'again' })
})

it('hands the lineage of an event on to its targets', () => {
  const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=0a1b2c3d:2'
  expect(follow({}, undefined, traceHeader).map((one) => one.traceHeader)).toEqual([
    traceHeader,
    traceHeader,
    undefined,
  ])
})

it('follows only the rules that a replay is for', () => {
  expect(follow({ 'replay-name': 'again' }, ['b'])).toEqual([])
  expect(follow({ 'replay-name': 'again' }, ['a'])).toHaveLength(1)
})
