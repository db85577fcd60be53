import { AckPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { NatsLink } from '@weft/nats'
import { account } from '@weft/poller-service/testing'
import { many, payload, type Subject } from './subject.ts'

const arn = (kind: string, name: string): string => `arn:aws:jetstream:us-east-1:${account}:${kind}/${name}`

async function consume(link: NatsLink, stream: string, count: number, took: (records: number) => void): Promise<void> {
  await link.jsm.consumers.add(stream, {
    durable_name: 'bare',
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 20_000,
  })
  const consumer = await link.js.consumers.get(stream, 'bare')
  const messages = await consumer.consume({ max_messages: 500 })
  let handled = 0
  for await (const message of messages) {
    message.ack()
    took(1)
    if (++handled === count) break
  }
  await link.connection.flush()
  await link.jsm.consumers.delete(stream, 'bare')
}

/** Streams, work queues and buckets of JetStream. */
export function natsSubjects(link: NatsLink): readonly Subject[] {
  const none = async (): Promise<void> => {}
  const ofStream = (name: string, kind: string, retention: RetentionPolicy): Subject => ({
    name,
    sources: {},
    mapping: (run) => ({ eventSourceArn: arn(kind, `${kind}-${run}`) }),
    async fill(run, count) {
      const stream = `${kind}-${run}`
      await link.jsm.streams.add({ name: stream, subjects: [stream], retention, storage: StorageType.File })
      await many(count, 256, () => link.js.publish(stream, payload))
    },
    bare: (run, count, took) => consume(link, `${kind}-${run}`, count, took),
    [Symbol.asyncDispose]: none,
  })
  const bucket: Subject = {
    name: 'NATS key-value bucket',
    sources: {},
    mapping: (run) => ({ eventSourceArn: arn('bucket', `b-${run}`) }),
    async fill(run, count) {
      const name = `b-${run}`
      await link.jsm.streams.add({
        name: `KV_${name}`,
        subjects: [`$KV.${name}.>`],
        max_msgs_per_subject: 2,
        allow_rollup_hdrs: true,
        deny_delete: true,
        allow_direct: true,
        storage: StorageType.File,
      })
      await many(count, 256, (n) => link.js.publish(`$KV.${name}.key-${n}`, payload))
    },
    bare: (run, count, took) => consume(link, `KV_b-${run}`, count, took),
    [Symbol.asyncDispose]: none,
  }
  return [
    ofStream('JetStream stream', 'stream', RetentionPolicy.Limits),
    ofStream('JetStream work queue', 'queue', RetentionPolicy.Workqueue),
    bucket,
  ]
}
