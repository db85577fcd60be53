import { brokerSources } from '@weft/brokers'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { account, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startRedis } from './testing/broker-servers.ts'
import { lastResult, noPositions, startBus } from './testing/poller-harness.ts'

const entries = `arn:aws:redis:us-east-1:${account}:stream/cache/entries`
const sourcesAt = (url: string) =>
  brokerSources({
    brokers: new Map([['cache', { kind: 'redis', url, accounts: [account] }]]),
    positions: noPositions,
    clock,
    log,
  })
const numbers = (invoker: TestInvoker): number[] =>
  invoker.batches.flatMap(({ records }) => records.map((record) => Number(record.redis?.fields.n)))

test('entries of a Redis stream reach the function in order and once, filtered, and are acknowledged', async () => {
  await using redis = await startRedis()
  await using bus = await startBus()
  const client = new Redis(redis.url)
  for (let n = 1; n <= 25; n++) await client.xadd('entries', '*', 'n', `${n}`, 'kind', n % 5 === 0 ? 'skip' : 'take')
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: entries, filters: ['{"fields":{"kind":["take"]}}'] }))
  const invoker = new TestInvoker()
  {
    await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(redis.url) })
    await expect.poll(() => numbers(invoker).length, { timeout: 20_000 }).toBe(20)
    await client.xadd('entries', '*', 'n', '26', 'kind', 'take')
    await expect.poll(() => numbers(invoker).at(-1), { timeout: 20_000 }).toBe(26)
    const pending = () => client.xpending('entries', `weft-${mappingOf().uuid}`).then(([count]) => count)
    await expect.poll(pending, { timeout: 20_000 }).toBe(0)
  }
  expect(numbers(invoker)).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24, 26])
  expect(invoker.batches[0]?.records[0]).toMatchObject({
    eventSource: 'aws:redis',
    eventSourceARN: entries,
    redis: { stream: 'entries', id: expect.stringMatching(/^\d+-\d+$/), fields: { n: '1', kind: 'take' } },
  })
  client.disconnect()
})

test('what was in hand when the broker was killed comes again, in order', async () => {
  await using redis = await startRedis()
  await using bus = await startBus()
  const client = new Redis(redis.url)
  client.on('error', () => {})
  for (let n = 1; n <= 30; n++) await client.xadd('entries', '*', 'n', `${n}`)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: entries, batchSize: 4 }))
  const invoker = new TestInvoker()
  let runs = 0
  invoker.answer = async () => {
    if (++runs === 3) await redis.restart()
    return runs % 4 === 0 ? functionError : success
  }
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(redis.url) })
  await expect.poll(() => new Set(numbers(invoker)).size, { timeout: 60_000 }).toBe(30)
  expect([...new Set(numbers(invoker))]).toEqual(Array.from({ length: 30 }, (_, n) => n + 1))
  client.disconnect()
})

test('a broker that is not there, and a key that is no stream, are told', async () => {
  await using redis = await startRedis()
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: entries.replace('cache', 'other') }))
  await using _ = await bus.poller(new TestInvoker(), catalogue, { others: sourcesAt(redis.url) })
  await expect.poll(() => lastResult(catalogue)).toBe('PROBLEM: There is no redis broker "other" for this account.')
  catalogue.put(mappingOf({ eventSourceArn: entries }))
  await expect.poll(() => lastResult(catalogue)).toBe('PROBLEM: Redis stream entries does not exist.')
  const client = new Redis(redis.url)
  await client.set('entries', 'x')
  await expect.poll(() => lastResult(catalogue)).toBe('PROBLEM: Redis key entries is a string, no stream.')
  client.disconnect()
})
