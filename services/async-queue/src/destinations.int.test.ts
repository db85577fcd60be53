import { type FunctionRecord, streams } from '@weft/contracts'
import { expect, test } from 'vitest'
import { account, functionError, functionRecord, region, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startQueue } from './testing/queue-harness.ts'

const jetstream = `arn:aws:jetstream:${region}:${account}`
const functionArn = (name: string) => `arn:aws:lambda:${region}:${account}:function:${name}`
const nameOf = (call: { target: { record: FunctionRecord } }): string => call.target.record.functionName

test('success and failure go to the destinations of their qualifier, as AWS writes the record', async () => {
  const invoker = new TestInvoker()
  invoker.answer = (call) =>
    nameOf(call) === 'bad' ? functionError : { ...success, payload: new TextEncoder().encode('{"done":true}') }
  const catalogue = new TestCatalogue('sink')
  const settings = { onSuccessArn: `${jetstream}:subject/won.all`, onFailureArn: `${jetstream}:queue/LOST` }
  catalogue.set(functionRecord('good', { eventInvoke: settings }))
  catalogue.set(functionRecord('bad', { eventInvoke: { ...settings, maximumRetryAttempts: 1 } }))
  catalogue.set(functionRecord('chain', { eventInvoke: { onSuccessArn: functionArn('sink') } }))
  await using queue = await startQueue(invoker, catalogue)
  await queue.link.jsm.streams.add({ name: 'WON', subjects: ['won.>'] })
  await queue.link.jsm.streams.add({ name: 'LOST', subjects: ['lost.*'], retention: 'workqueue' })

  const good = await queue.accept('good', { n: 1 })
  const bad = await queue.accept('bad', { n: 2 })
  await queue.accept('chain', { n: 3 }, { traceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793' })
  await expect.poll(async () => (await queue.ends()).length, { timeout: 60_000 }).toBe(4)
  await queue.drained()

  expect(await queue.bodies('WON')).toEqual([
    {
      version: '1.0',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      requestContext: {
        requestId: good,
        functionArn: `${functionArn('good')}:$LATEST`,
        condition: 'Success',
        approximateInvokeCount: 1,
      },
      requestPayload: { n: 1 },
      responseContext: { statusCode: 200, executedVersion: '$LATEST' },
      responsePayload: { done: true },
    },
  ])
  const lost = await queue.messages('LOST')
  expect(lost.map((message) => [message.subject, message.json()])).toEqual([
    [
      'lost.bad',
      expect.objectContaining({
        requestContext: expect.objectContaining({
          requestId: bad,
          condition: 'RetriesExhausted',
          approximateInvokeCount: 2,
        }),
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: { errorMessage: 'broken', errorType: 'Error' },
      }),
    ],
  ])
  const sunk = invoker.calls.find((call) => nameOf(call) === 'sink')
  expect(JSON.parse(new TextDecoder().decode(sunk?.payload))).toMatchObject({
    requestContext: { condition: 'Success' },
    requestPayload: { n: 3 },
  })
  expect(sunk?.traceHeader).toContain('Root=1-5759e988-bd862e3fe1be46a994272793')
})

test('zero reserved concurrency goes to the destination and the dead-letter target at once, without a run', async () => {
  const invoker = new TestInvoker()
  const catalogue = new TestCatalogue()
  const record = functionRecord('f', {
    reservedConcurrency: 0,
    eventInvoke: { onFailureArn: `${jetstream}:subject/told.destination` },
  })
  const latest = { ...record.latest, deadLetterTargetArn: `${jetstream}:subject/told.letter` }
  catalogue.set({ ...record, latest })
  await using queue = await startQueue(invoker, catalogue)
  await queue.link.jsm.streams.add({ name: 'TOLD', subjects: ['told.>'] })
  const requestId = await queue.accept('f', 'raw')
  await queue.drained()
  const [letter, told] = await queue.messages('TOLD')
  expect([letter?.subject, letter?.string(), letter?.header.get('RequestID')]).toEqual([
    'told.letter',
    '"raw"',
    requestId,
  ])
  expect(told?.json()).toMatchObject({
    requestContext: { condition: 'ZeroReservedConcurrency', approximateInvokeCount: 0 },
    requestPayload: 'raw',
  })
  expect(invoker.calls).toEqual([])
})

test('a destination that is away is tried again with the answer kept, then given up and told of', async () => {
  const invoker = new TestInvoker()
  invoker.answer = () => ({ ...success, payload: new TextEncoder().encode('"kept"') })
  const catalogue = new TestCatalogue()
  const late = { onSuccessArn: `${jetstream}:stream/LATE` }
  catalogue.set(functionRecord('late', { eventInvoke: late }))
  catalogue.set(functionRecord('never', { eventInvoke: { onSuccessArn: `${jetstream}:subject/nobody.stores.this` } }))
  await using queue = await startQueue(invoker, catalogue, { deadLetterTries: 6 })
  await queue.accept('late', { n: 1 })
  await queue.accept('never')
  await expect.poll(async () => (await queue.link.jsm.streams.info(streams.retries)).state.last_seq).toBeGreaterThan(1)
  await queue.link.jsm.streams.add({ name: 'LATE', subjects: ['late.>'] })
  await expect.poll(async () => (await queue.ends()).length, { timeout: 60_000 }).toBe(2)
  await queue.drained()
  expect(await queue.bodies('LATE')).toMatchObject([{ requestPayload: { n: 1 }, responsePayload: 'kept' }])
  expect(invoker.calls).toHaveLength(2)
  const never = (await queue.ends()).find((end) => end.functionName === 'never')
  expect(never).toMatchObject({
    end: 'succeeded',
    attempts: 1,
    destinationError: expect.stringContaining('unavailable'),
  })
})

test('an event bus gets the record as an event', async () => {
  const catalogue = new TestCatalogue()
  const onSuccessArn = `arn:aws:events:${region}:${account}:event-bus/results`
  catalogue.set(functionRecord('f', { eventInvoke: { onSuccessArn } }))
  await using queue = await startQueue(new TestInvoker(), catalogue)
  const requestId = await queue.accept('f', { n: 1 })
  await queue.drained()
  const [event] = await queue.messages(streams.bus)
  expect(event?.subject).toBe(`weft.bus.${account}.results`)
  const framed: { readonly event: object; readonly traceHeader: string } | undefined = event?.json()
  expect(framed?.traceHeader).toContain('Lineage=')
  expect(framed?.event).toMatchObject({
    version: '0',
    'detail-type': 'Lambda Function Invocation Result - Success',
    source: 'lambda',
    account,
    region,
    resources: [onSuccessArn, `${functionArn('f')}:$LATEST`],
    detail: { requestContext: { requestId, condition: 'Success' }, requestPayload: { n: 1 } },
  })
})

test('a topic gets the record as a message, with the lineage of the function', async () => {
  const catalogue = new TestCatalogue()
  const onSuccessArn = `arn:aws:sns:${region}:${account}:results`
  catalogue.set(functionRecord('f', { eventInvoke: { onSuccessArn } }))
  await using queue = await startQueue(new TestInvoker(), catalogue)
  const requestId = await queue.accept('f', { n: 1 })
  await queue.drained()
  const [message] = await queue.messages(streams.bus)
  expect(message?.subject).toBe(`weft.topic.${account}.results`)
  const told: { readonly message: string } | undefined = message?.json()
  expect(told).toMatchObject({ traceHeader: expect.stringContaining('Lineage=') })
  expect(JSON.parse(told?.message ?? '')).toMatchObject({ requestContext: { requestId, condition: 'Success' } })
})
