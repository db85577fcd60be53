import { readFileSync } from 'node:fs'
import { ok } from '@weft/contracts'
import { type MappingSources, type PositionBook, sourcesByService } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { type BrokerBook, readBrokerBook } from './broker-book.ts'
import { lazySources } from './lazy-sources.ts'

export interface BrokerOptions {
  readonly brokers: BrokerBook
  readonly positions: PositionBook
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Sources outside the fabric by the service that their ARNs name. Their clients take more memory than all else in a poller, so
 * each is loaded for the first mapping that needs it.
 */
export const brokerSources = (options: BrokerOptions): Readonly<Record<string, MappingSources>> => ({
  redis: lazySources('whole', async () => (await import('./redis-source.ts')).redisSources(options)),
  mq: lazySources('whole', async () => (await import('./rabbitmq-source.ts')).rabbitmqSources(options)),
  kafka: lazySources('sharded', async () => (await import('./kafka/kafka-source.ts')).kafkaSources(options)),
  mqtt: lazySources('whole', async () => (await import('./mqtt-source.ts')).mqttSources(options)),
  sqs: lazySources('by pollers', async () => (await import('./sqs-source.ts')).sqsSources(options)),
  kinesis: lazySources('sharded', async () => (await import('./kinesis-source.ts')).kinesisSources(options)),
  dynamodb: lazySources('sharded', async () => (await import('./dynamodb-source.ts')).dynamodbSources(options)),
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
