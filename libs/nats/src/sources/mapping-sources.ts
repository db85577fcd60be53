import { RetentionPolicy, type StreamInfo } from '@nats-io/jetstream'
import {
  consumers,
  type EventSourceMapping,
  err,
  type JetStreamArn,
  ok,
  parseJetStreamArn,
  type Result,
} from '@weft/contracts'
import { isFifoQueue, type MappingSource, type MappingSources } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import type { AccountLinks } from '../dead-letters.ts'
import { ensureConsumer, isMissingConsumer, isMissingStream, isTakenQueue } from '../ensure-consumer.ts'
import type { NatsLink } from '../link.ts'
import { Pulse } from '../pulse.ts'
import { bucketSource } from './bucket-source.ts'
import { ConsumerReader } from './consumer-reader.ts'
import { watched } from './consumer-watch.ts'
import { mappingConsumer, type Position, settledStart } from './mapping-consumer.ts'
import { streamSource } from './stream-source.ts'

export interface MappingSourcesOptions {
  readonly links: Pick<AccountLinks, 'reader'>
  readonly clock: Clock
  readonly log: Logger
  /** How long records are held without an extension, ms; 30,000 by default. Also the visibility timeout of queues. */
  readonly holdMs?: number
}

type Context = Required<MappingSourcesOptions> & {
  readonly pulse: Pulse
  readonly positions: Map<string, Position>
}

/**
 * Mappings read the streams, queues and key-value buckets of an account through a durable consumer of the account.
 * Dispose when all sources are.
 */
export function natsMappingSources(options: MappingSourcesOptions): MappingSources & Disposable {
  const { holdMs = 30_000 } = options
  const context: Context = { ...options, holdMs, pulse: Pulse.for(options.clock, holdMs), positions: new Map() }
  return {
    holdMs,
    isSharded: () => false,
    shards: async () => ok(['']),
    open: (mapping) => openSource(context, mapping),
    async remove(mapping) {
      context.positions.delete(mapping.uuid)
      const arn = parseJetStreamArn(mapping.eventSourceArn)
      if (!arn.ok) return
      const link = await context.links.reader(mapping.accountId)
      try {
        await link.jsm.consumers.delete(streamOf(arn.value), consumers.mapping(mapping.uuid))
      } catch (error) {
        if (!isMissingConsumer(error) && !isMissingStream(error)) throw error
      }
    },
    [Symbol.dispose]: () => context.pulse.stop(),
  }
}

const streamOf = ({ kind, name }: JetStreamArn): string => (kind === 'bucket' ? `KV_${name}` : name)

async function openSource(context: Context, mapping: EventSourceMapping): Promise<Result<MappingSource, string>> {
  const arn = parseJetStreamArn(mapping.eventSourceArn)
  if (!arn.ok || arn.value.kind === 'subject') return err(`PROBLEM: ${mapping.eventSourceArn} is no JetStream stream.`)
  if (arn.value.accountId !== mapping.accountId)
    return err(`PROBLEM: ${mapping.eventSourceArn} belongs to another account.`)
  const stream = streamOf(arn.value)
  const link = await context.links.reader(mapping.accountId)
  try {
    const info = await link.jsm.streams.info(stream)
    const problem = unfit(arn.value, info)
    return problem === undefined ? ok(await openReader(context, mapping, arn.value, link, info)) : err(problem)
  } catch (error) {
    if (isMissingStream(error)) return err(`PROBLEM: Stream ${stream} does not exist.`)
    if (isTakenQueue(error)) return err(`PROBLEM: Work queue ${stream} is read by another consumer already.`)
    throw error
  }
}

function unfit({ kind, name }: JetStreamArn, { config }: StreamInfo): string | undefined {
  if (kind === 'queue' && config.retention !== RetentionPolicy.Workqueue)
    return `PROBLEM: Stream ${name} is no queue: its retention is ${config.retention}, not workqueue.`
  // With a history of one a value is gone as soon as it is replaced.
  if (kind === 'bucket' && config.max_msgs_per_subject >= 0 && config.max_msgs_per_subject < 2)
    return `PROBLEM: Bucket ${name} keeps no history; old values need a history of 2 or more.`
  return undefined
}

async function openReader(
  context: Context,
  mapping: EventSourceMapping,
  parsed: JetStreamArn,
  link: NatsLink,
  info: StreamInfo,
): Promise<MappingSource> {
  const { clock, log, pulse, positions, holdMs } = context
  const { uuid } = mapping
  const { name: stream, retention } = info.config
  const explicit = retention === RetentionPolicy.Workqueue
  const inOrder = parsed.kind !== 'queue' || isFifoQueue(parsed.name)
  const streamCreatedAt = info.created
  const known = positions.get(uuid)
  const wanted = mappingConsumer({ mapping, streamCreatedAt, explicit, holdMs, known })
  const made = await ensureConsumer(link.jsm, stream, wanted)
  if (made === 'created' && mapping.state === 'Enabled')
    log.warn({ mapping: uuid, from: wanted.deliver_policy }, 'the consumer of a mapping was missing')
  const deliveries = await settledStart(clock, link, stream, wanted)
  const reader = new ConsumerReader({
    link,
    clock,
    pulse,
    stream,
    uuid,
    holdMs,
    explicit,
    inOrder,
    deliveries,
    onFloor: (sequence) => positions.set(uuid, { streamCreatedAt, sequence }),
  })
  const origin = { arn: mapping.eventSourceArn, parsed, streamCreatedAt }
  const source =
    parsed.kind === 'bucket'
      ? bucketSource({ link, reader, origin, stream, history: info.config.max_msgs_per_subject })
      : streamSource({ reader, origin, visibilityMs: holdMs })
  const onStuck = (ackFloor: number): void => {
    if (!explicit) positions.set(uuid, { streamCreatedAt, sequence: ackFloor })
  }
  return watched(source, { link, log, stream, consumer: wanted.durable_name, onStuck })
}
