// Middle link of the bare chain: the fabric's frames in on one gRPC stream, frames on to processes over unix sockets.
import { connect } from 'node:net'
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
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
import { readFrames, writeFrame } from './framing.ts'
import { ready } from './ready.ts'

const sockets = process.argv.slice(2).map((path) => connect(path))
const waiting = new Map<number, (payload: Buffer) => void>()
for (const socket of sockets)
  readFrames(socket, (seq, payload) => {
    waiting.get(seq)?.(payload)
    waiting.delete(seq)
  })
let next = 0

const server = new Server()
server.addService(WorkerServiceService, {
  run(call: ServerDuplexStream<RunFrames, ResultFrames>) {
    const channel = grpcChannel<RunFrame, ResultFrame>(call)
    channel.receive(({ frame }) => {
      if (frame?.$case !== 'invoke') return
      const { seq, payload } = frame.value
      const own = next++ >>> 0
      waiting.set(own, (answer) => {
        const value = RunResult.fromPartial({ seq, status: RunStatus.RUN_STATUS_SUCCEEDED, payload: answer })
        channel.send({ frame: { $case: 'result', value } })
      })
      const socket = sockets[own % sockets.length]
      if (socket) writeFrame(socket, own, payload)
    })
  },
})
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  ready({ port })
})
