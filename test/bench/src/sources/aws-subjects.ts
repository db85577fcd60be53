import {
  DynamoDBStreamsClient,
  GetShardIteratorCommand as GetChangeIterator,
  GetRecordsCommand as GetChanges,
} from '@aws-sdk/client-dynamodb-streams'
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { brokerSources } from '@weft/brokers'
import type { PositionBook } from '@weft/delivery'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { account, FakeQueue, FakeShards, startFakeAws } from '@weft/poller-service/testing'
import { payload, type Subject } from './subject.ts'

const region = 'us-east-1'
const credentials = { accessKeyId: 'AKID', secretAccessKey: 'x' }
const shard = 'shard-1'

const sourcesAt = (url: string, positions: PositionBook) => {
  const broker = { kind: 'aws' as const, url, ...credentials, accounts: [account] }
  return brokerSources({ brokers: new Map([['aws', broker]]), positions, clock, log })
}

/** The fakes hold one queue and one stream, which every run fills anew. */
export async function awsSubjects(positions: PositionBook): Promise<readonly Subject[]> {
  const queue = new FakeQueue(60_000)
  const stream = new FakeShards()
  const table = new FakeShards()
  stream.add(shard)
  table.add(shard)
  const [sqsFake, kinesisFake, tableFake] = [
    await startFakeAws(queue.operations('jobs')),
    await startFakeAws(stream.kinesis()),
    await startFakeAws(table.dynamodb()),
  ]
  const options = (endpoint: string) => ({ region, credentials, endpoint, requestHandler: new NodeHttpHandler() })
  const refill = (shards: FakeShards, count: number, make: (sequence: string) => object): void => {
    shards.shards[0]?.records.splice(0)
    for (let n = 0; n < count; n++) shards.put(shard, make)
  }
  return [
    {
      name: 'SQS (fake)',
      sources: sourcesAt(sqsFake.url, positions),
      mapping: () => ({ eventSourceArn: `arn:aws:sqs:${region}:${account}:jobs` }),
      async fill(_, count) {
        for (let n = 0; n < count; n++) queue.send(payload)
      },
      async bare(_, count, took) {
        const client = new SQSClient(options(sqsFake.url))
        const QueueUrl = `${sqsFake.url}/${account}/jobs`
        for (let handled = 0; handled < count; ) {
          const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
          const Entries = Messages.map(({ ReceiptHandle }, n) => ({ Id: `${n}`, ReceiptHandle }))
          await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
          took(Messages.length)
          handled += Messages.length
        }
        client.destroy()
      },
      [Symbol.asyncDispose]: () => sqsFake[Symbol.asyncDispose](),
    },
    {
      name: 'Kinesis (fake)',
      sources: sourcesAt(kinesisFake.url, positions),
      mapping: () => ({ eventSourceArn: `arn:aws:kinesis:${region}:${account}:stream/clicks` }),
      async fill(_, count) {
        const Data = Buffer.from(payload).toString('base64')
        refill(stream, count, (SequenceNumber) => ({
          SequenceNumber,
          PartitionKey: 'k',
          Data,
          ApproximateArrivalTimestamp: 1_700_000_000,
        }))
      },
      async bare(_, count, took) {
        const client = new KinesisClient(options(kinesisFake.url))
        const StreamARN = `arn:aws:kinesis:${region}:${account}:stream/clicks`
        const from = { StreamARN, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' as const }
        let { ShardIterator } = await client.send(new GetShardIteratorCommand(from))
        for (let handled = 0; handled < count; ) {
          const page = await client.send(new GetRecordsCommand({ StreamARN, ShardIterator, Limit: 400 }))
          ShardIterator = page.NextShardIterator
          took(page.Records?.length ?? 0)
          handled += page.Records?.length ?? 0
        }
        client.destroy()
      },
      [Symbol.asyncDispose]: () => kinesisFake[Symbol.asyncDispose](),
    },
    {
      name: 'DynamoDB stream (fake)',
      sources: sourcesAt(tableFake.url, positions),
      mapping: () => ({ eventSourceArn: `arn:aws:dynamodb:${region}:${account}:table/users/stream/one` }),
      async fill(_, count) {
        refill(table, count, (SequenceNumber) => ({
          eventID: SequenceNumber,
          eventName: 'MODIFY',
          dynamodb: {
            ApproximateCreationDateTime: 1_700_000_000,
            Keys: { id: { S: 'ada' } },
            NewImage: { id: { S: 'ada' }, text: { S: payload } },
            SequenceNumber,
          },
        }))
      },
      async bare(_, count, took) {
        const client = new DynamoDBStreamsClient(options(tableFake.url))
        const StreamArn = `arn:aws:dynamodb:${region}:${account}:table/users/stream/one`
        const from = { StreamArn, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' as const }
        let { ShardIterator } = await client.send(new GetChangeIterator(from))
        for (let handled = 0; handled < count; ) {
          const page = await client.send(new GetChanges({ ShardIterator, Limit: 400 }))
          ShardIterator = page.NextShardIterator
          took(page.Records?.length ?? 0)
          handled += page.Records?.length ?? 0
        }
        client.destroy()
      },
      [Symbol.asyncDispose]: () => tableFake[Symbol.asyncDispose](),
    },
  ]
}
