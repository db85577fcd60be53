// The floor of stream sources: consumes and acknowledges as many messages as it is asked to, and tells how long it took.
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { ready } from './ready.ts'

const [url = '', stream = ''] = process.argv.slice(2)
const connection = await connect({ servers: url, noAsyncTraces: true })
const manager = await jetstreamManager(connection)
await manager.consumers.add(stream, {
  durable_name: 'reader',
  ack_policy: AckPolicy.Explicit,
  max_ack_pending: 20_000,
})
const consumer = await jetstream(connection).consumers.get(stream, 'reader')
const consumeSome = async (count: number): Promise<number> => {
  const startedMs = performance.now()
  let handled = 0
  const messages = await consumer.consume({ max_messages: 500 })
  for await (const message of messages) {
    message.ack()
    if (++handled === count) break
  }
  await connection.flush()
  return performance.now() - startedMs
}
connection.subscribe('bench.consume', {
  callback: (_error, request) => {
    void consumeSome(Number(request.string())).then((elapsedMs) => request.respond(String(elapsedMs)))
  },
})
await connection.flush()
ready({ stream })
