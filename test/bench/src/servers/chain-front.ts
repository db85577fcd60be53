// First link of the bare chain: HTTP in, one batched stream to the worker; no authentication, logs or limits.
import { createServer, type ServerResponse } from 'node:http'
import { credentials } from '@grpc/grpc-js'
import { type ResultFrame, type RunFrame, RunInvocation, WorkerServiceClient } from '@weft/contracts/worker'
import { grpcChannel } from '@weft/platform'
import { listen, ready } from './ready.ts'

const client = new WorkerServiceClient(`127.0.0.1:${process.argv[2]}`, credentials.createInsecure())
const channel = grpcChannel<ResultFrame, RunFrame>(client.run())
const waiting = new Map<bigint, ServerResponse>()
let seq = 0n

channel.receive(({ frame }) => {
  if (frame?.$case !== 'result') return
  const { seq: answered, payload } = frame.value
  const response = waiting.get(answered)
  waiting.delete(answered)
  response?.writeHead(200, { 'content-type': 'application/json', 'content-length': payload.length }).end(payload)
})

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const own = ++seq
    waiting.set(own, response)
    const value = RunInvocation.fromPartial({ seq: own, payload: Buffer.concat(chunks) })
    channel.send({ frame: { $case: 'invoke', value } })
  })
})
ready({ port: await listen(server) })
