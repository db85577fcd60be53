// The floor of NATS request and reply.
import { connect } from '@nats-io/transport-node'
import { ready } from './ready.ts'

const connection = await connect({ servers: process.argv[2] as string, noAsyncTraces: true })
connection.subscribe('bench.echo', {
  callback: (_error, message) => {
    message.respond(message.data)
  },
})
await connection.flush()
ready({ subject: 'bench.echo' })
