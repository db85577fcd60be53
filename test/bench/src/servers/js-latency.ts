// The floor of events: a bare JetStream handler that tells when each event reached it. Payloads are publish times.
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { ready } from './ready.ts'

const [url = '', stream = ''] = process.argv.slice(2)
const connection = await connect({ servers: url, noAsyncTraces: true })
const manager = await jetstreamManager(connection)
await manager.consumers.add(stream, { durable_name: 'handler', ack_policy: AckPolicy.Explicit })
const consumer = await jetstream(connection).consumers.get(stream, 'handler')
await consumer.consume({
  callback: (message) => {
    const takenMs = performance.timeOrigin + performance.now() - Number(message.string())
    connection.publish('bench.handled', String(takenMs))
    message.ack()
  },
})
await connection.flush()
ready({ stream })
