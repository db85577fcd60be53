import { expect, test } from 'vitest'
import { account, answered, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { lastResult, startBus } from './testing/poller-harness.ts'

const orders = { name: 'ORDERS', subjects: ['orders.>'] }

test('records that match no filter are acknowledged and never reach the function', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  for (let n = 1; n <= 20; n++) await bus.link.js.publish('orders.new', JSON.stringify({ n, odd: n % 2 === 1 }))
  await bus.link.js.publish('orders.new', 'no JSON')
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ filters: ['{"data":{"odd":[true],"n":[{"numeric":["<",12]}]}}'] }))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await bus.settled('ORDERS', 21)
  expect(invoker.runs().flat()).toEqual([1, 3, 5, 7, 9, 11])
})

test('batches of several keys run side by side, those of one key one after another', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  for (let n = 1; n <= 40; n++) await bus.link.js.publish(`orders.${n % 8}`, `${n}`)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ parallelizationFactor: 4, batchSize: 2 }))
  const invoker = new TestInvoker()
  let open: (() => void)[] = []
  invoker.answer = () =>
    new Promise((resolve) => {
      open.push(() => resolve(success))
      // Answers when no more can come: the keys' hashes may leave a lane empty.
      setTimeout(() => {
        for (const answer of open.splice(0)) answer()
      }, 20)
    })
  await using _ = await bus.poller(invoker, catalogue)
  await bus.settled('ORDERS', 40)
  open = []
  expect(invoker.most).toBeGreaterThan(1)
  expect(invoker.most).toBeLessThanOrEqual(4)
  for (let key = 0; key < 8; key++) {
    const seen = invoker
      .runs()
      .flat()
      .filter((n) => n % 8 === key)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(new Set(seen).size).toBe(5)
  }
})

test('a poison record of one key holds up its own lane only', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ parallelizationFactor: 10, batchSize: 1 }))
  const invoker = new TestInvoker()
  invoker.answer = (sequences) => (sequences[0] === 1 ? functionError : success)
  await using _ = await bus.poller(invoker, catalogue)
  for (let n = 0; n < 10; n++) await bus.link.js.publish(`orders.${n}`, '')
  await expect.poll(() => new Set(invoker.runs().flat()).size, { timeout: 20_000 }).toBeGreaterThan(7)
  expect((await bus.consumer('ORDERS')).ack_floor.stream_seq).toBe(0)
  invoker.answer = () => success
  await bus.settled('ORDERS', 10)
})

test('what is given up goes to the destination, too', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  await bus.link.jsm.streams.add({ name: 'FAILED', subjects: ['failed.*'] })
  await bus.link.js.publish('orders.new', 'x')
  const catalogue = new TestCatalogue('f')
  const onFailureArn = `arn:aws:jetstream:us-east-1:${account}:stream/FAILED`
  catalogue.put(mappingOf({ maximumRetryAttempts: 1, onFailureArn }))
  const invoker = new TestInvoker()
  invoker.answer = () => functionError
  await using _ = await bus.poller(invoker, catalogue)
  await bus.settled('ORDERS', 1)
  const [failed] = await bus.messages('FAILED')
  expect(failed?.subject).toBe('failed.f')
  expect(failed?.json()).toMatchObject({
    requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    JetStreamBatchInfo: { startSequenceNumber: '1', endSequenceNumber: '1', batchSize: 1 },
  })
  expect(await bus.dead()).toBe(1)
})

test('a tumbling window hands its state on and ends with a run of its own; only then the position moves', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ tumblingWindowMs: 1_000, batchSize: 2 }))
  const invoker = new TestInvoker()
  const results: number[] = []
  invoker.answer = (sequences, event) => {
    const count = ((event.state as { count?: number }).count ?? 0) + sequences.length
    if (event.isFinalInvokeForWindow === true) results.push(count)
    return answered(JSON.stringify({ state: { count } }))
  }
  await using _ = await bus.poller(invoker, catalogue)
  for (let n = 0; n < 9; n++) await bus.link.js.publish('orders.new', `${n}`)
  await bus.settled('ORDERS', 9)
  expect(results.reduce((sum, count) => sum + count, 0)).toBe(9)
  const [first] = invoker.batches
  expect(first?.event).toMatchObject({
    state: {},
    isFinalInvokeForWindow: false,
    isWindowTerminatedEarly: false,
    window: { start: expect.stringMatching(/Z$/), end: expect.stringMatching(/Z$/) },
  })
  expect(invoker.batches.every(({ event }) => (event.Records as []).length <= 2)).toBe(true)
})

test('an answer without a state is a failure of its batch', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ tumblingWindowMs: 1_000, maximumRetryAttempts: 1 }))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await bus.link.js.publish('orders.new', 'x')
  await bus.settled('ORDERS', 1)
  expect(await bus.dead()).toBeGreaterThan(0)
})

test('a consumer that vanishes is made again where it had come to, and a stream that vanishes is told', async () => {
  await using bus = await startBus()
  await bus.link.jsm.streams.add(orders)
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf())
  const invoker = new TestInvoker()
  await using poller = await bus.poller(invoker, catalogue)
  await bus.link.js.publish('orders.new', '1')
  await bus.settled('ORDERS', 1)
  await bus.link.jsm.consumers.delete('ORDERS', (await bus.consumer('ORDERS')).name)
  await bus.link.js.publish('orders.new', '2')
  await expect.poll(() => invoker.runs(), { timeout: 20_000 }).toEqual([[1], [2]])
  await bus.link.jsm.streams.delete('ORDERS')
  await expect.poll(() => lastResult(catalogue), { timeout: 20_000 }).toBe('PROBLEM: Stream ORDERS does not exist.')
  const troubles = () => poller.service.details().mappingsInTrouble
  expect(troubles()).toEqual([expect.stringContaining('Stream ORDERS does not exist')])
  // It is the account's to mend: the fabric is as ready as before.
  expect(poller.service.problems()).toEqual([])
  await bus.link.jsm.streams.add(orders)
  await expect.poll(troubles, { timeout: 20_000 }).toEqual([])
})
