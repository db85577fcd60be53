import { readFileSync } from 'node:fs'
import { ok } from '@weft/contracts'
import { type MappingSources, type PositionBook, sourcesByService } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { type BrokerBook, readBrokerBook } from './broker-book.ts'
import { dynamodbSources } from './dynamodb-source.ts'
import { kafkaSources } from './kafka/kafka-source.ts'
import { kinesisSources } from './kinesis-source.ts'
import { mqttSources } from './mqtt-source.ts'
import { rabbitmqSources } from './rabbitmq-source.ts'
import { redisSources } from './redis-source.ts'
import { sqsSources } from './sqs-source.ts'

export interface BrokerOptions {
  readonly brokers: BrokerBook
  readonly positions: PositionBook
  readonly clock: Clock
  readonly log: Logger
}

/** Sources outside the fabric by the service that their ARNs name. */
export const brokerSources = (options: BrokerOptions): Readonly<Record<string, MappingSources>> => ({
  redis: redisSources(options),
  mq: rabbitmqSources(options),
  kafka: kafkaSources(options),
  mqtt: mqttSources(options),
  sqs: sqsSources(options),
  kinesis: kinesisSources(options),
  dynamodb: dynamodbSources(options),
})

/**
 * The sources of JetStream, and those of the brokers in a file; without a file those alone. Throws when the file cannot be
 * read or understood.
 */
export function withBrokers(
  jetstream: MappingSources,
  file: string | undefined,
  parts: Omit<BrokerOptions, 'brokers'>,
): MappingSources {
  const read = file === undefined ? ok(new Map()) : readBrokerBook(readFileSync(file, 'utf8'))
  if (!read.ok) throw new Error(`${file}: ${read.error}`)
  return sourcesByService({ jetstream, ...brokerSources({ ...parts, brokers: read.value }) })
}
