import { brokerSources } from '@weft/brokers'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { expect, test } from 'vitest'
import { account, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { FakeQueue, startFakeAws } from './testing/fake-aws.ts'
import { lastResult, noPositions, startBus } from './testing/poller-harness.ts'

const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${account}:${name}`
const sourcesAt = (url: string) => {
  const broker = { kind: 'aws' as const, url, accessKeyId: 'AKID', secretAccessKey: 'x', accounts: [account] }
  return brokerSources({ brokers: new Map([['aws', broker]]), positions: noPositions, clock, log })
}

test('messages of SQS are deleted when they succeed, and what fails comes again after the visibility timeout', async () => {
  const queue = new FakeQueue(1_000)
  await using aws = await startFakeAws(queue.operations('jobs'))
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueArn('jobs'), batchSize: 1 }))
  const invoker = new TestInvoker()
  invoker.answer = () => {
    const [record] = invoker.batches.at(-1)?.records ?? []
    return record?.body === 'bad' && record.attributes?.ApproximateReceiveCount === '1' ? functionError : success
  }
  for (const body of ['good', 'bad', 'fine']) queue.send(body)
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(aws.url) })
  await expect.poll(() => queue.messages.length, { timeout: 20_000 }).toBe(0)
  const seen = invoker.batches.flatMap(({ records }) => records)
  expect(seen.map(({ body, attributes }) => `${body} ${attributes?.ApproximateReceiveCount}`).sort()).toEqual([
    'bad 1',
    'bad 2',
    'fine 1',
    'good 1',
  ])
  expect(seen[0]).toMatchObject({ eventSource: 'aws:sqs', eventSourceARN: queueArn('jobs') })
})

test('a FIFO queue keeps the order of each group', async () => {
  const queue = new FakeQueue(2_000)
  await using aws = await startFakeAws(queue.operations('jobs.fifo'))
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueArn('jobs.fifo') }))
  const invoker = new TestInvoker()
  let runs = 0
  const done: string[] = []
  invoker.answer = () => {
    const { records } = invoker.batches.at(-1) ?? { records: [] }
    if (++runs % 2 === 1) return functionError
    done.push(...records.map(({ body }) => `${body}`))
    return success
  }
  for (let n = 0; n < 6; n++) for (const group of ['a', 'b']) queue.send(`${group}${n}`, group)
  await using _ = await bus.poller(invoker, catalogue, { others: sourcesAt(aws.url) })
  await expect.poll(() => queue.messages.length, { timeout: 30_000 }).toBe(0)
  for (const group of ['a', 'b'])
    expect(done.filter((one) => one.startsWith(group))).toEqual([0, 1, 2, 3, 4, 5].map((n) => `${group}${n}`))
})

test('provisioned pollers read a queue side by side, ten batches each, and more when much waits', async () => {
  const queue = new FakeQueue(5_000)
  await using aws = await startFakeAws(queue.operations('jobs'))
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  const provisionedPollers = { minimum: 2, maximum: 3 }
  catalogue.put(mappingOf({ eventSourceArn: queueArn('jobs'), batchSize: 1, provisionedPollers }))
  const invoker = new TestInvoker()
  const running = Promise.withResolvers<void>()
  invoker.answer = async () => {
    await running.promise
    return success
  }
  await using one = await bus.poller(invoker, catalogue, { others: sourcesAt(aws.url), instanceId: 'one' })
  await using two = await bus.poller(invoker, catalogue, { others: sourcesAt(aws.url), instanceId: 'two' })
  const held = () => one.service.held() + two.service.held()
  // The mapping's own lease and one for each poller.
  await expect.poll(held, { timeout: 20_000 }).toBe(3)
  for (let n = 0; n < 2_500; n++) queue.send(`${n}`)
  await expect.poll(held, { timeout: 20_000 }).toBe(4)
  await expect.poll(() => invoker.running, { timeout: 20_000 }).toBe(30)
  running.resolve()
  await expect.poll(() => queue.messages.length, { timeout: 60_000 }).toBe(0)
  expect(invoker.most).toBe(30)
  expect(new Set(invoker.batches.map(({ records }) => records[0]?.body)).size).toBe(2_500)
  await expect.poll(held, { timeout: 20_000 }).toBe(3)
})

test('a queue that does not exist is told', async () => {
  await using aws = await startFakeAws(new FakeQueue(1_000).operations('jobs'))
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueArn('others') }))
  await using _ = await bus.poller(new TestInvoker(), catalogue, { others: sourcesAt(aws.url) })
  await expect
    .poll(() => lastResult(catalogue), { timeout: 20_000 })
    .toBe('PROBLEM: Queue others cannot be read: The specified queue does not exist.')
})
