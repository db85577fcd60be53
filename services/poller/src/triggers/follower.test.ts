import { gunzipSync } from 'node:zlib'
import {
  catalogueKeys,
  functionName,
  type LogFilters,
  logGroupArn,
  ok,
  type Topic,
  type TriggerRecord,
  topicArn,
  triggerKeys,
} from '@weft/contracts'
import {
  type BusDelivery,
  type EventTargets,
  type Posted,
  type TargetMessage,
  type TopicMessage,
  TriggerIndex,
} from '@weft/delivery'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import type { Identities } from '@weft/policy'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'
import { expect, it } from 'vitest'
import { Attempts } from './attempts.ts'
import { Follower } from './follower.ts'

const record = recordNamed('thumbs')
const { accountId: account, functionArn } = record
const arn = topicArn('us-east-1', account, 'orders')
const dead = `arn:aws:jetstream:us-east-1:${account}:stream/DEAD`
const logGroup = '/aws/lambda/shop'
const id = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`
const topic = (subscriptions: Topic['subscriptions']): Topic => ({
  ...{ kind: 'topic', accountId: account, name: 'orders', displayName: '', createdAtMs: 0, tags: {}, subscriptions },
})
const message = (n: number, color: string): Posted => ({
  ...{ kind: 'message', accountId: account, topic: 'orders' },
  message: {
    ...{ id: id(n), message: 'text', publishedAtMs: 0 },
    attributes: { color: { Type: 'String', Value: color } },
  } satisfies TopicMessage,
})
const all = { filterPolicyScope: 'MessageAttributes', functionArn } as const

/** A follower over a queue in memory, which other pollers have had everything from so many times; `away` targets refuse for a while. */
function world(records: readonly (readonly [string, TriggerRecord])[], posted: readonly Posted[], restarts = 0) {
  const time = new FakeClock(0)
  const triggers = new TriggerIndex()
  for (const [key, one] of records) triggers.put(key, one)
  const catalogue = new MemoryCatalogue()
  const statement = {
    ...{ Sid: 'sns', Effect: 'Allow' as const, Principal: { Service: 'sns.amazonaws.com' } },
    ...{ Action: 'lambda:InvokeFunction', Resource: functionArn, Condition: { ArnLike: { 'AWS:SourceArn': arn } } },
  }
  const ofLogs = {
    ...{ Sid: 'logs', Effect: 'Allow' as const, Principal: { Service: 'logs.amazonaws.com' } },
    ...{ Action: 'lambda:InvokeFunction', Resource: functionArn },
    Condition: { ArnLike: { 'AWS:SourceArn': logGroupArn('us-east-1', account, logGroup) } },
  }
  catalogue.functionStore.put(catalogueKeys.function(account, record.functionName), {
    ...record,
    policies: { $LATEST: { revisionId: 'r', statements: [statement, ofLogs] } },
  })
  const sent: { readonly to: string; readonly message: TargetMessage }[] = []
  const answers: Awaited<ReturnType<EventTargets['send']>>[] = []
  const fates: string[] = []
  const stop = new AbortController()
  const waiting = posted.map((one) => ({ posted: one, deliveries: restarts }))
  const queue = {
    holdMs: 15_000,
    async pull(): Promise<readonly BusDelivery[]> {
      const next = waiting.shift()
      if (!next) {
        await new Promise(setImmediate)
        return []
      }
      return [
        {
          ...{ posted: next.posted, deliveries: ++next.deliveries, storedAtMs: 0 },
          ...{ held: () => true, extend: async () => undefined },
          async done() {
            fates.push('done')
            if (fates.filter((fate) => fate === 'done').length === posted.length) stop.abort()
          },
          release: (delayMs: number) => {
            fates.push(`again in ${delayMs}`)
            waiting.push(next)
          },
        },
      ]
    },
  }
  const deps = {
    ...{ catalogue, identities: {} as Identities, region: 'us-east-1', clock: time, log: silentLogger },
    targets: {
      async send(to: string, one: TargetMessage) {
        const answer = answers.shift() ?? ok(undefined)
        if (answer.ok) sent.push({ to, message: one })
        return answer
      },
    },
  }
  const follower = new Follower({ ...deps, queue, triggers, attempts: new Attempts(deps) })
  return { sent, answers, fates, run: () => follower.run(stop.signal) }
}

const ofTopic = (...subscriptions: Topic['subscriptions']) =>
  [[triggerKeys.topic(account, 'orders'), topic(subscriptions)]] as const

it('calls the function of every subscription whose policy lets the message through', async () => {
  const red = { ...all, id: id(1), filterPolicy: '{"color":["red"]}' }
  const { run, sent, fates } = world(ofTopic(red, { ...all, id: id(2) }), [message(5, 'red'), message(6, 'blue')])
  await run()
  expect(sent.map(({ to, message }) => `${to} ${message.messageId}`).sort()).toEqual([
    `${functionArn} ${id(5)}-${id(1)}`,
    `${functionArn} ${id(5)}-${id(2)}`,
    `${functionArn} ${id(6)}-${id(2)}`,
  ])
  const event = JSON.parse(new TextDecoder().decode(sent[0]?.message.payload))
  expect(event.Records[0]).toMatchObject({ EventSubscriptionArn: `${arn}:${id(1)}`, Sns: { TopicArn: arn } })
  expect(fates).toEqual(['done', 'done'])
})

it('sends what a function may not have to the dead-letter target of the subscription', async () => {
  const other = topicArn('us-east-1', account, 'other')
  const records = [
    [triggerKeys.topic(account, 'other'), { ...topic([{ ...all, id: id(1), deadLetterArn: dead }]), name: 'other' }],
  ] as const
  const posted = { ...(message(5, 'red') as Extract<Posted, { kind: 'message' }>), topic: 'other' }
  const { run, sent } = world(records, [posted])
  await run()
  expect(sent).toMatchObject([
    { to: dead, message: { headers: { 'Weft-Topic-Arn': other, 'Weft-Error-Code': 'NO_PERMISSIONS' } } },
  ])
})

it('sends again only to those who do not have it yet', async () => {
  const { run, sent, answers, fates } = world(ofTopic({ ...all, id: id(1) }, { ...all, id: id(2) }), [message(5, 'a')])
  answers.push(ok(undefined), { ok: false, error: { reason: 'away', permanent: false } })
  await run()
  expect(sent.map((one) => one.message.messageId)).toEqual([`${id(5)}-${id(1)}`, `${id(5)}-${id(2)}`])
  expect(fates).toEqual(['again in 1000', 'done'])
})

it('counts the tries of pollers that are gone', async () => {
  const tries = 100_015
  const { run, sent, answers, fates } = world(
    ofTopic({ ...all, id: id(1), deadLetterArn: dead }),
    [message(5, 'a')],
    tries,
  )
  answers.push({ ok: false, error: { reason: 'away', permanent: false } })
  await run()
  expect(sent).toMatchObject([
    {
      to: dead,
      message: {
        headers: {
          'Weft-Exhausted-Retry-Condition': 'MaximumRetryAttempts',
          'Weft-Retry-Attempts': `${tries}`,
        },
      },
    },
  ])
  expect(fates).toEqual(['done'])
})

it('hands the lineage of a message on', async () => {
  const posted = message(5, 'red') as Extract<Posted, { kind: 'message' }>
  const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=0a1b2c3d:2'
  const traced = { ...posted, message: { ...posted.message, traceHeader } }
  const { run, sent } = world(ofTopic({ ...all, id: id(1) }), [traced])
  await run()
  expect(sent[0]?.message.traceHeader).toBe(traceHeader)
})

it('lets go of messages of a topic that is gone', async () => {
  const { run, sent, fates } = world([], [message(5, 'red')])
  await run()
  expect([sent, fates]).toEqual([[], ['done']])
})

it('calls functions with the log lines that their filters let through, once each', async () => {
  const filter = (name: string, pattern: string, createdAtMs = 0) => ({ name, pattern, functionArn, createdAtMs })
  const filters: LogFilters = {
    ...{ kind: 'log-filters', accountId: account, logGroup },
    filters: [filter('errors', 'ERROR'), filter('late', '', 30), filter('none', 'nothing')],
  }
  const batch = (logStream: string, ...lines: readonly (readonly [number, string])[]) => ({
    ...{ accountId: account, functionName: functionName('shop'), logGroup, logStream, requestId: 'r' },
    lines: lines.map(([atMs, message]) => ({ atMs, message })),
  })
  const batches = [batch('a', [10, 'INFO 1'], [11, 'ERROR 2']), batch('b', [29, 'INFO 3'], [30, 'INFO 4'])]
  const foreign = { ...batch('c', [40, 'ERROR 5']), logGroup: '/other' }
  const { run, sent } = world(
    [[triggerKeys.logFilters(account, logGroup), filters]],
    [{ kind: 'lines', sequence: 7, batches: [...batches, foreign] }],
  )
  await run()
  const told = sent.map(({ message }) => {
    const { awslogs } = JSON.parse(new TextDecoder().decode(message.payload))
    return JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString())
  })
  const common = { messageType: 'DATA_MESSAGE', owner: account, logGroup }
  const place = (index: number): string => `${'7'.padStart(20, '0')}${String(index).padStart(8, '0')}`
  expect(told).toEqual([
    {
      ...{ ...common, logStream: 'a', subscriptionFilters: ['errors'] },
      logEvents: [{ id: place(1), timestamp: 11, message: 'ERROR 2' }],
    },
    {
      ...{ ...common, logStream: 'b', subscriptionFilters: ['late'] },
      logEvents: [{ id: place(3), timestamp: 30, message: 'INFO 4' }],
    },
  ])
  expect(new Set(sent.map(({ message }) => message.messageId)).size).toBe(2)
})
