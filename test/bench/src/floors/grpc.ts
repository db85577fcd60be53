import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { type ResultFrame, type RunFrame, RunInvocation, WorkerServiceClient } from '@weft/contracts/worker'
import { grpcChannel } from '@weft/platform'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { startServer } from '../core/child.ts'
import { warmClosedLoop } from '../core/closed-loop.ts'
import { payload } from '../load/payload.ts'

const bytes = Buffer.from(payload)
const raw = (value: Buffer): Buffer => value

/** grpc-js unary echo, and one long-lived stream whose frames are batched per tick. */
export async function grpcFloors(options: BedOptions): Promise<Bed> {
  const server = await startServer('grpc-echo')
  const address = `127.0.0.1:${server.hello.port}`
  const unary = new Client(address, credentials.createInsecure())
  const stream = new WorkerServiceClient(address, credentials.createInsecure())
  const channel = grpcChannel<ResultFrame, RunFrame>(stream.run())
  const waiting = new Map<bigint, () => void>()
  let last = 0n
  channel.receive(({ frame }) => {
    if (frame?.$case !== 'result') return
    waiting.get(frame.value.seq)?.()
    waiting.delete(frame.value.seq)
  })

  const callUnary = (): Promise<void> =>
    new Promise((resolve, reject) => {
      unary.makeUnaryRequest('/bench.Echo/Echo', raw, raw, bytes, (error: ServiceError | null) =>
        error ? reject(error) : resolve(),
      )
    })
  const callStream = (): Promise<void> =>
    new Promise((resolve) => {
      const seq = ++last
      waiting.set(seq, resolve)
      const value = RunInvocation.fromPartial({ seq, payload: bytes })
      channel.send({ frame: { $case: 'invoke', value } })
    })

  const cases = (id: string, title: string, call: () => Promise<void>, most: number): Case[] =>
    [1, 16].map((clients) => ({
      id: `floor.${id}.c${clients}`,
      title: `${title}, ${clients === 1 ? '1 client' : `${clients} clients`}`,
      group: 'floor' as const,
      measure: () => warmClosedLoop(clients, scaled(clients === 1 ? most / 4 : most, options, 64), call),
    }))
  return {
    cases: [
      ...cases('grpc-unary', 'grpc-js unary echo', callUnary, 4_000),
      ...cases('grpc-stream', 'grpc-js batched stream echo', callStream, 16_000),
    ],
    async [Symbol.asyncDispose]() {
      channel.close()
      unary.close()
      stream.close()
      await server[Symbol.asyncDispose]()
    },
  }
}
