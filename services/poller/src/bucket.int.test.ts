import { Kvm } from '@nats-io/kv'
import { expect, test } from 'vitest'
import { account, mappingOf, TestCatalogue, TestInvoker } from './fixtures.ts'
import { lastResult, startBus } from './testing/poller-harness.ts'

const bucketOf = (name: string) => `arn:aws:jetstream:us-east-1:${account}:bucket/${name}`

test('changes of a bucket come as of a DynamoDB stream, with the old and the new value', async () => {
  await using bus = await startBus()
  const users = await new Kvm(bus.link.js).create('USERS', { history: 5 })
  await users.put('ada', '{"age":36}')
  await users.put('ada', '{"age":37}')
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: bucketOf('USERS') }))
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await bus.settled('KV_USERS', 2)
  await users.put('bob', 'plain')
  await users.delete('ada')
  await users.put('ada', Uint8Array.of(0xff))
  await bus.settled('KV_USERS', 5)
  const seen = invoker.batches.flatMap(({ records }) => records)
  expect(seen.map(({ eventName, dynamodb }) => [eventName, dynamodb?.OldImage, dynamodb?.NewImage])).toEqual([
    ['INSERT', undefined, { key: { S: 'ada' }, revision: { N: '1' }, value: { M: { age: { N: '36' } } } }],
    [
      'MODIFY',
      { key: { S: 'ada' }, revision: { N: '1' }, value: { M: { age: { N: '36' } } } },
      { key: { S: 'ada' }, revision: { N: '2' }, value: { M: { age: { N: '37' } } } },
    ],
    ['INSERT', undefined, { key: { S: 'bob' }, revision: { N: '3' }, value: { S: 'plain' } }],
    ['REMOVE', { key: { S: 'ada' }, revision: { N: '2' }, value: { M: { age: { N: '37' } } } }, undefined],
    ['INSERT', undefined, { key: { S: 'ada' }, revision: { N: '5' }, value: { B: '/w==' } }],
  ])
  expect(seen[0]).toMatchObject({
    eventSource: 'aws:dynamodb',
    eventVersion: '1.1',
    dynamodb: { Keys: { key: { S: 'ada' } }, SequenceNumber: '1', StreamViewType: 'NEW_AND_OLD_IMAGES' },
  })
})

test('old values are found after a restart, and filters look at the images', async () => {
  await using bus = await startBus()
  const users = await new Kvm(bus.link.js).create('USERS', { history: 5 })
  const catalogue = new TestCatalogue('f')
  const filters = ['{"eventName":["MODIFY"],"dynamodb":{"OldImage":{"value":{"S":["old"]}}}}']
  catalogue.put(mappingOf({ eventSourceArn: bucketOf('USERS'), filters }))
  {
    await using _ = await bus.poller(new TestInvoker(), catalogue)
    await users.put('k', 'old')
    await bus.settled('KV_USERS', 1)
  }
  const invoker = new TestInvoker()
  await using _ = await bus.poller(invoker, catalogue)
  await users.put('k', 'new')
  await users.put('k', 'newer')
  await bus.settled('KV_USERS', 3)
  expect(invoker.runs()).toEqual([[2]])
})

test('a bucket without history is told', async () => {
  await using bus = await startBus()
  await new Kvm(bus.link.js).create('USERS', { history: 1 })
  const catalogue = new TestCatalogue('f')
  catalogue.put(mappingOf({ eventSourceArn: bucketOf('USERS') }))
  await using _ = await bus.poller(new TestInvoker(), catalogue)
  await expect
    .poll(() => lastResult(catalogue))
    .toBe('PROBLEM: Bucket USERS keeps no history; old values need a history of 2 or more.')
})
