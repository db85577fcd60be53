import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { type EventSourceMapping, err, ok } from '@weft/contracts'
import { type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import { awsClientOptions } from './aws-client.ts'
import { brokerOfKind } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { type Shard, type ShardedStream, shardedSources } from './shard-source.ts'
import { reasonOf } from './unsharded.ts'

/** Of one GetRecords. */
const mostRecords = 10_000

/** `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`, of AWS or of what speaks its protocol. */
const regionIn = (arn: string): string | undefined =>
  /^arn:aws:kinesis:([a-z0-9-]+):\d{12}:stream\/[\w.-]{1,128}$/.exec(arn)?.[1]

/** Kinesis through the AWS SDK, at the endpoint and with the credentials of the account's `aws` broker. */
export function kinesisSources({ brokers, clock, positions }: BrokerOptions): MappingSources {
  return shardedSources({
    positions,
    clock,
    async connect(mapping) {
      const region = regionIn(mapping.eventSourceArn)
      if (region === undefined) return err(`PROBLEM: ${mapping.eventSourceArn} is no Kinesis stream.`)
      const broker = brokerOfKind(brokers, mapping.accountId, 'aws')
      if (!broker.ok) return broker
      const client = new KinesisClient({
        ...awsClientOptions(broker.value, region),
        // The client's own handler speaks HTTP/2, which what stands in for AWS often does not.
        requestHandler: new NodeHttpHandler(),
      })
      try {
        const { StreamDescriptionSummary: about } = await client.send(
          new DescribeStreamSummaryCommand({ StreamARN: mapping.eventSourceArn }),
        )
        return ok(kinesisStream(client, mapping, region, `${about?.StreamCreationTimestamp?.toISOString() ?? ''}`))
      } catch (error) {
        client.destroy()
        return err(`PROBLEM: ${mapping.eventSourceArn} cannot be read: ${reasonOf(error)}`)
      }
    },
  })
}

function kinesisStream(
  client: KinesisClient,
  mapping: EventSourceMapping,
  region: string,
  incarnation: string,
): ShardedStream {
  const StreamARN = mapping.eventSourceArn
  return {
    batchInfo: 'KinesisBatchInfo',
    incarnation,
    async shards() {
      const all: Shard[] = []
      let NextToken: string | undefined
      do {
        const page = await client.send(new ListShardsCommand(NextToken === undefined ? { StreamARN } : { NextToken }))
        for (const { ShardId: id = '', ParentShardId, AdjacentParentShardId } of page.Shards ?? [])
          all.push({ id, parents: [ParentShardId, AdjacentParentShardId].filter((parent) => parent !== undefined) })
        NextToken = page.NextToken
      } while (NextToken !== undefined)
      return all
    },
    async iterator(ShardId, start) {
      const at =
        start.kind === 'after'
          ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, StartingSequenceNumber: start.sequence }
          : start.kind === 'since'
            ? { ShardIteratorType: 'AT_TIMESTAMP' as const, Timestamp: new Date(start.atMs) }
            : { ShardIteratorType: 'TRIM_HORIZON' as const }
      const { ShardIterator = '' } = await client.send(new GetShardIteratorCommand({ StreamARN, ShardId, ...at }))
      return ShardIterator
    },
    async records(shard, ShardIterator, most) {
      const { Records = [], NextShardIterator: next } = await client.send(
        new GetRecordsCommand({ StreamARN, ShardIterator, Limit: Math.min(most, mostRecords) }),
      )
      const records = Records.map((record) => recordOf(record, shard, mapping, region))
      return { records, ...(next && { next }) }
    },
    close: () => client.destroy(),
  }
}

/** As of Kinesis (developer guide, with-kinesis). */
function recordOf(record: KinesisRecord, shard: string, mapping: EventSourceMapping, region: string): SourceRecord {
  const { SequenceNumber: id = '', PartitionKey: partitionKey = '', Data: data = new Uint8Array() } = record
  const storedAtMs = record.ApproximateArrivalTimestamp?.getTime() ?? 0
  const about = {
    kinesisSchemaVersion: '1.0',
    partitionKey,
    sequenceNumber: id,
    approximateArrivalTimestamp: storedAtMs / 1_000,
  }
  return sourceRecord(
    {
      id,
      storedAtMs,
      orderKey: partitionKey,
      view: { members: about, payload: { member: 'data', bytes: data } },
      receiveCount: 1,
      raw: data,
    },
    {
      kinesis: { ...about, data: Buffer.from(data).toString('base64') },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `${shard}:${id}`,
      eventName: 'aws:kinesis:record',
      awsRegion: region,
      eventSourceARN: mapping.eventSourceArn,
    },
  )
}
