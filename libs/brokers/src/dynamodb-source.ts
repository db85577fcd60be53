import {
  type _Record as ChangeRecord,
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { type EventSourceMapping, err, ok } from '@weft/contracts'
import { type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import { awsClientOptions } from './aws-client.ts'
import { brokerOfKind } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { type Shard, type ShardedStream, shardedSources } from './shard-source.ts'
import { reasonOf } from './unsharded.ts'

/** Of one GetRecords. */
const mostRecords = 1_000

/** `arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/stream/LABEL`. */
const regionIn = (arn: string): string | undefined =>
  /^arn:aws:dynamodb:([a-z0-9-]+):\d{12}:table\/[\w.-]{3,255}\/stream\/[\w:.-]+$/.exec(arn)?.[1]

/** DynamoDB Streams through the AWS SDK, at the endpoint and with the credentials of the account's `aws` broker. */
export function dynamodbSources({ brokers, clock, positions }: BrokerOptions): MappingSources {
  return shardedSources({
    positions,
    clock,
    async connect(mapping) {
      const region = regionIn(mapping.eventSourceArn)
      if (region === undefined) return err(`PROBLEM: ${mapping.eventSourceArn} is no DynamoDB stream.`)
      const broker = brokerOfKind(brokers, mapping.accountId, 'aws')
      if (!broker.ok) return broker
      const client = new DynamoDBStreamsClient(awsClientOptions(broker.value, region))
      try {
        // Says whether the stream is there; its shards are listed when they are wanted.
        await client.send(new DescribeStreamCommand({ StreamArn: mapping.eventSourceArn, Limit: 1 }))
        return ok(changeStream(client, mapping, region))
      } catch (error) {
        client.destroy()
        return err(`PROBLEM: ${mapping.eventSourceArn} cannot be read: ${reasonOf(error)}`)
      }
    },
  })
}

function changeStream(client: DynamoDBStreamsClient, mapping: EventSourceMapping, region: string): ShardedStream {
  const StreamArn = mapping.eventSourceArn
  return {
    batchInfo: 'DDBStreamBatchInfo',
    // The ARN has a label of its own for every stream of a table.
    incarnation: StreamArn,
    async shards() {
      const all: Shard[] = []
      let last: string | undefined
      do {
        const { StreamDescription: page } = await client.send(
          new DescribeStreamCommand({ StreamArn, ...(last !== undefined && { ExclusiveStartShardId: last }) }),
        )
        for (const { ShardId: id = '', ParentShardId } of page?.Shards ?? [])
          all.push({ id, parents: ParentShardId === undefined ? [] : [ParentShardId] })
        last = page?.LastEvaluatedShardId
      } while (last !== undefined)
      return all
    },
    async iterator(ShardId, start) {
      const at =
        start.kind === 'after'
          ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: start.sequence }
          : // By time a shard of changes cannot be read; what is too old is left out below.
            { ShardIteratorType: 'TRIM_HORIZON' as const }
      const { ShardIterator = '' } = await client.send(new GetShardIteratorCommand({ StreamArn, ShardId, ...at }))
      return ShardIterator
    },
    async records(shard, ShardIterator, most) {
      const { Records = [], NextShardIterator: next } = await client.send(
        new GetRecordsCommand({ ShardIterator, Limit: Math.min(most, mostRecords) }),
      )
      const sinceMs = mapping.startingPosition === 'LATEST' ? mapping.lastModifiedMs : 0
      const records = Records.map((record) => recordOf(record, shard, mapping, region)).filter(
        ({ storedAtMs }) => storedAtMs >= sinceMs - 1_000,
      )
      return { records, ...(next && { next }) }
    },
    close: () => client.destroy(),
  }
}

/** As of DynamoDB (developer guide, with-ddb); bytes as base64, times as epoch seconds. */
function recordOf(record: ChangeRecord, shard: string, mapping: EventSourceMapping, region: string): SourceRecord {
  const { SequenceNumber: id = '', ApproximateCreationDateTime: at, ...change } = record.dynamodb ?? {}
  const storedAtMs = at?.getTime() ?? 0
  const element = {
    eventID: record.eventID ?? `${shard}:${id}`,
    eventName: record.eventName,
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: region,
    dynamodb: plain({ ApproximateCreationDateTime: storedAtMs / 1_000, ...change, SequenceNumber: id }) as object,
    eventSourceARN: mapping.eventSourceArn,
    ...(record.userIdentity && { userIdentity: record.userIdentity }),
  }
  return sourceRecord(
    {
      id,
      storedAtMs,
      orderKey: JSON.stringify(plain(change.Keys)),
      view: { members: element },
      receiveCount: 1,
      raw: new Uint8Array(),
    },
    element,
  )
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}
