import { brokerSources } from '@weft/brokers'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { expect, test } from 'vitest'
import { account, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startMosquitto } from './testing/broker-servers.ts'
import { lastResult, noPositions, startBus } from './testing/poller-harness.ts'
import { publishMqtt } from './testing/publish-mqtt.ts'

const topicArn = `arn:aws:mqtt:us-east-1:${account}:topic/hub/sensors/+/temperature`
const sourcesAt = (url: string) => ({
  others: brokerSources({
    brokers: new Map([['hub', { kind: 'mqtt', url, accounts: [account] }]]),
    positions: noPositions,
    clock,
    log,
  }),
})
const seen = (invoker: TestInvoker): string[] =>
  invoker.batches.flatMap(({ records }) =>
    records.map(({ mqtt }) => `${mqtt?.topic} ${Buffer.from(mqtt?.data ?? '', 'base64')}`),
  )

test('messages of a topic reach the function, filtered; what comes while nobody reads is kept by the broker', async () => {
  await using broker = await startMosquitto()
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  const mapping = mappingOf({ eventSourceArn: topicArn, filters: ['{"data":{"c":[{"numeric":[">",20]}]}}'] })
  catalogue.put(mapping)
  const invoker = new TestInvoker()
  {
    await using _ = await bus.poller(invoker, catalogue, sourcesAt(broker.url))
    await expect.poll(() => catalogue.mapping(account, mapping.uuid)?.state).toBe('Enabled')
    // Before its first subscription nothing is kept for it.
    await expect
      .poll(
        async () => {
          await publishMqtt(broker.port, 'sensors/a/temperature', '{"c":21}')
          return seen(invoker).length
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0)
    await publishMqtt(broker.port, 'sensors/a/temperature', '{"c":19}')
    await publishMqtt(broker.port, 'sensors/b/temperature', '{"c":22}')
    await publishMqtt(broker.port, 'sensors/b/humidity', '{"c":99}')
    await expect.poll(() => seen(invoker).at(-1), { timeout: 20_000 }).toBe('sensors/b/temperature {"c":22}')
  }
  expect(invoker.batches[0]?.records[0]).toMatchObject({
    eventName: 'weft:mqtt:message',
    eventSource: 'aws:mqtt',
    eventSourceARN: topicArn,
    mqtt: { topic: 'sensors/a/temperature', qos: 1, retain: false, duplicate: false, data: btoa('{"c":21}') },
  })
  await publishMqtt(broker.port, 'sensors/c/temperature', '{"c":23}')
  const later = new TestInvoker()
  await using _ = await bus.poller(later, catalogue, sourcesAt(broker.url))
  await expect.poll(() => seen(later), { timeout: 20_000 }).toEqual(['sensors/c/temperature {"c":23}'])
})

test('what was not acknowledged when the connection broke comes again', async () => {
  await using broker = await startMosquitto()
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: topicArn, batchSize: 1 }))
  const invoker = new TestInvoker()
  let broken = true
  invoker.answer = () => (broken ? functionError : success)
  {
    await using _ = await bus.poller(invoker, catalogue, sourcesAt(broker.url))
    await expect
      .poll(
        async () => {
          if (seen(invoker).length === 0) await publishMqtt(broker.port, 'sensors/a/temperature', 'once')
          return seen(invoker).length
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0)
  }
  broken = false
  const later = new TestInvoker()
  await using _ = await bus.poller(later, catalogue, sourcesAt(broker.url))
  await expect.poll(() => later.batches.length, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(later.batches[0]?.records[0]?.mqtt).toMatchObject({ data: btoa('once'), duplicate: true })
})

test('a broker that is not there is told', async () => {
  await using bus = await startBus()
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: topicArn }))
  await using _ = await bus.poller(new TestInvoker(), catalogue, sourcesAt('mqtt://127.0.0.1:1'))
  await expect.poll(() => lastResult(catalogue)).toMatch(/^PROBLEM: MQTT hub cannot be used/)
})
