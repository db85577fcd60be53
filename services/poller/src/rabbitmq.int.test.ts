import { brokerSources } from '@weft/brokers'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import amqp from 'amqplib'
import { expect, test } from 'vitest'
import { account, functionError, mappingOf, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startRabbitmq } from './testing/broker-servers.ts'
import { lastResult, noPositions, startBus } from './testing/poller-harness.ts'

const brokerArn = `arn:aws:mq:us-east-1:${account}:broker:main`
const mapping = mappingOf({ eventSourceArn: brokerArn, queues: ['orders'] })

interface RabbitEvent {
  readonly eventSource: string
  readonly rmqMessagesByQueue: Readonly<
    Record<string, readonly { readonly data: string; readonly redelivered: boolean }[]>
  >
}
const messagesIn = (event: unknown) => Object.values((event as RabbitEvent).rmqMessagesByQueue).flat()
const text = (data: string): string => Buffer.from(data, 'base64').toString()

test('messages of a queue come as of Amazon MQ; what fails comes again, also over a restart of the broker', async () => {
  await using broker = await startRabbitmq()
  await using bus = await startBus()
  const brokers = new Map([['main', { kind: 'rabbitmq' as const, url: broker.url, accounts: [account] }]])
  const catalogue = new TestCatalogue('f')
  catalogue.put(mapping)
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue, {
    others: brokerSources({ brokers, positions: noPositions, clock, log }),
  })
  await expect.poll(() => lastResult(catalogue)).toMatch(/^PROBLEM: Queue orders cannot be read/)

  const client = await amqp.connect(broker.url)
  client.on('error', () => {})
  const channel = await client.createConfirmChannel()
  await channel.assertQueue('orders', { durable: true })
  const send = async (body: string): Promise<void> => {
    channel.sendToQueue('orders', Buffer.from(body), { persistent: true, contentType: 'text/plain' })
    await channel.waitForConfirms()
  }
  await send('{"n":1}')
  await expect.poll(() => invoker.batches.length, { timeout: 20_000 }).toBe(1)
  expect(invoker.batches[0]?.event).toMatchObject({
    eventSource: 'aws:rmq',
    eventSourceArn: brokerArn,
    rmqMessagesByQueue: {
      'orders::/': [
        { basicProperties: { contentType: 'text/plain', deliveryMode: 2 }, redelivered: false, data: btoa('{"n":1}') },
      ],
    },
  })

  let broken = true
  invoker.answer = () => (broken ? functionError : success)
  await send('again')
  await expect.poll(() => invoker.batches.length, { timeout: 30_000 }).toBe(3)
  expect(invoker.batches.slice(1).map(({ event }) => messagesIn(event)[0]?.redelivered)).toEqual([false, true])

  await broker.restart()
  broken = false
  await expect.poll(() => invoker.batches.length, { timeout: 60_000 }).toBeGreaterThan(3)
  expect(messagesIn(invoker.batches.at(-1)?.event).map(({ data }) => text(data))).toEqual(['again'])
  const check = await amqp.connect(broker.url)
  const left = async (): Promise<number> => (await (await check.createChannel()).checkQueue('orders')).messageCount
  await expect.poll(left, { timeout: 20_000 }).toBe(0)
  await check.close()
})
