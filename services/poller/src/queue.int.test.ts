import { functionName } from '@weft/contracts'
import { expect, test } from 'vitest'
import { account, answered, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { lastResult, startBus } from './testing/poller-harness.ts'

const queueOf = (name: string) => `arn:aws:jetstream:us-east-1:${account}:queue/${name}`
const jobs = { name: 'JOBS', subjects: ['jobs.>'], retention: 'workqueue' as const }

test('messages come as of SQS, and are deleted when they succeed', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS') }))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await bus.link.js.publish('jobs.resize', '{"id":1}')
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  expect(invoker.batches[0]?.records).toMatchObject([
    {
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      body: '{"id":1}',
      md5OfBody: 'd2ce28b9a7fd7e4407e2b0fd499b7fe4',
      attributes: { ApproximateReceiveCount: '1' },
      messageAttributes: { 'Nats-Subject': { stringValue: 'jobs.resize', dataType: 'String' } },
      eventSource: 'aws:sqs',
      eventSourceARN: queueOf('JOBS'),
    },
  ])
})

test('what fails comes again after the visibility timeout while others go on, and at last is given up whole', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  await bus.link.jsm.streams.add({ name: 'LOST', subjects: ['lost'] })
  const catalogue = new TestCatalogue('f')
  const options = {
    batchSize: 1,
    maximumRetryAttempts: 1,
    onFailureArn: `arn:aws:jetstream:us-east-1:${account}:subject/lost`,
  }
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS'), ...options }))
  const invoker = new TestInvoker()
  invoker.answer = (sequences) => (sequences[0] === 1 ? functionError : success)
  await using _ = await bus.poller(invoker, catalogue, { holdMs: 1_000 })
  for (const job of ['poison', 'b', 'c']) await bus.link.js.publish('jobs.x', job)
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  const received = invoker.batches.filter(({ records }) => records[0]?.body === 'poison')
  expect(received.map(({ records }) => records[0]?.attributes?.ApproximateReceiveCount)).toEqual(['1', '2'])
  const [lost] = await bus.messages('LOST')
  expect([lost?.string(), lost?.header.get('Weft-Condition')]).toEqual(['poison', 'RetryAttemptsExhausted'])
})

test('of a partial answer only the named messages come again', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS'), enabled: false, reportBatchItemFailures: true }))
  for (let n = 1; n <= 4; n++) await bus.link.js.publish('jobs.x', `${n}`)
  const invoker = new TestInvoker()
  invoker.answer = () => {
    const { records } = invoker.batches.at(-1) ?? { records: [] }
    const failed = records.filter(({ body, attributes }) => body === '2' && attributes?.ApproximateReceiveCount === '1')
    return answered(
      JSON.stringify({ batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }),
    )
  }
  await using _ = await bus.poller(invoker, catalogue, { holdMs: 1_000 })
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS'), reportBatchItemFailures: true }))
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  expect(invoker.runs()).toEqual([[1, 2, 3, 4], [2]])
})

test('no more batches run at a time than MaximumConcurrency', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS'), batchSize: 1, maximumConcurrency: 2 }))
  const invoker = new TestInvoker()
  invoker.answer = () => new Promise((resolve) => setTimeout(() => resolve(success), 5))
  await using _ = await bus.poller(invoker, catalogue)
  for (let n = 0; n < 30; n++) await bus.link.js.publish('jobs.x', `${n}`)
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  expect(invoker.most).toBe(2)
})

test('two pollers together run no more batches than MaximumConcurrency, also while one takes over from the other', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS'), batchSize: 1, maximumConcurrency: 2 }))
  // One for both, so that it sees all that run.
  const invoker = new TestInvoker()
  invoker.answer = () => new Promise((resolve) => setTimeout(() => resolve(success), 20))
  for (let n = 0; n < 60; n++) await bus.link.js.publish('jobs.x', `${n}`)
  const one = await bus.poller(invoker, catalogue, { instanceId: 'one' })
  await using two = await bus.poller(invoker, catalogue, { instanceId: 'two' })
  await expect.poll(() => invoker.batches.length, { timeout: 20_000 }).toBeGreaterThan(10)
  expect(one.service.held() + two.service.held()).toBe(1)
  // What runs is settled before the lease is given back.
  await one[Symbol.asyncDispose]()
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  expect(invoker.most).toBe(2)
  expect(two.service.held()).toBe(1)
})

test('a FIFO queue keeps the order of each group, also over failures, and groups run side by side', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add({ ...jobs, name: 'JOBS_fifo' })
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS_fifo'), batchSize: 2 }))
  const invoker = new TestInvoker()
  const done: string[] = []
  let runs = 0
  invoker.answer = async () => {
    const { records } = invoker.batches.at(-1) ?? { records: [] }
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (++runs % 3 === 0) return functionError
    for (const { attributes, body } of records) done.push(`${attributes?.MessageGroupId} ${body}`)
    return success
  }
  await using _ = await bus.poller(invoker, catalogue)
  for (let n = 0; n < 10; n++) for (const group of ['a', 'b', 'c']) await bus.link.js.publish(`jobs.${group}`, `${n}`)
  await expect.poll(() => bus.count('JOBS_fifo'), { timeout: 30_000 }).toBe(0)
  for (const group of ['a', 'b', 'c'])
    expect(done.filter((one) => one.startsWith(`jobs.${group}`))).toEqual(
      Array.from({ length: 10 }, (_, n) => `jobs.${group} ${n}`),
    )
  expect(invoker.most).toBeGreaterThan(1)
})

test('a group that stands still does not hold up the others', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add({ ...jobs, name: 'JOBS_fifo' })
  for (let n = 0; n < 200; n++) await bus.link.js.publish('jobs.poison', `${n}`)
  await bus.link.js.publish('jobs.good', 'good')
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS_fifo') }))
  const invoker = new TestInvoker()
  invoker.answer = () => (invoker.batches.at(-1)?.records[0]?.body === 'good' ? success : functionError)
  await using _ = await bus.poller(invoker, catalogue)
  await expect.poll(() => bus.count('JOBS_fifo'), { timeout: 20_000 }).toBe(200)
  const poison = invoker.batches.filter(({ records }) => records[0]?.attributes?.MessageGroupId === 'jobs.poison')
  expect(new Set(poison.map(({ records }) => records[0]?.body))).toEqual(new Set(['0']))
})

test('a stream that is no work queue is told', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add({ name: 'JOBS', subjects: ['jobs.>'] })
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: queueOf('JOBS') }))
  await using _ = await bus.poller(new TestInvoker(), catalogue)
  await expect
    .poll(() => lastResult(catalogue))
    .toBe('PROBLEM: Stream JOBS is no queue: its retention is limits, not workqueue.')
})

test('a second mapping of a queue is told that the queue is taken, and takes over when the first is gone', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(jobs)
  const catalogue = new TestCatalogue('f', 'g')
  const first = mappingOf({ eventSourceArn: queueOf('JOBS') })
  const uuid = '00000000-0000-4000-8000-000000000002'
  catalogue.put(first)
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await bus.link.js.publish('jobs.x', '1')
  await expect.poll(() => bus.count('JOBS'), { timeout: 20_000 }).toBe(0)
  catalogue.put({ ...first, uuid, functionName: functionName('g') })
  await expect
    .poll(() => catalogue.mapping(account, uuid)?.lastProcessingResult, { timeout: 20_000 })
    .toBe('PROBLEM: Work queue JOBS is read by another consumer already.')
  catalogue.put({ ...first, state: 'Deleting', enabled: false })
  await bus.link.js.publish('jobs.x', '2')
  await expect.poll(() => invoker.batches.at(-1)?.call.target.record.functionName, { timeout: 20_000 }).toBe('g')
})
