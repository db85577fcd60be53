// The floors of gRPC: a unary echo of raw bytes, and one long-lived stream of the fabric's own frames, batched per tick.
import { Server, ServerCredentials, type ServerDuplexStream, type sendUnaryData } from '@grpc/grpc-js'
import {
  type ResultFrame,
  type ResultFrames,
  type RunFrame,
  type RunFrames,
  RunResult,
  RunStatus,
  WorkerServiceService,
} from '@weft/contracts/worker'
import { grpcChannel } from '@weft/platform'
import { ready } from './ready.ts'

const server = new Server()
const raw = (bytes: Buffer): Buffer => bytes
server.addService(
  {
    echo: {
      path: '/bench.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  { echo: (call: { request: Buffer }, done: sendUnaryData<Buffer>) => done(null, call.request) },
)
server.addService(WorkerServiceService, {
  run(call: ServerDuplexStream<RunFrames, ResultFrames>) {
    const channel = grpcChannel<RunFrame, ResultFrame>(call)
    channel.receive(({ frame }) => {
      if (frame?.$case !== 'invoke') return
      const { seq, payload } = frame.value
      const value = RunResult.fromPartial({ seq, status: RunStatus.RUN_STATUS_SUCCEEDED, payload })
      channel.send({ frame: { $case: 'result', value } })
    })
  },
})
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  ),
)
ready({ port })
