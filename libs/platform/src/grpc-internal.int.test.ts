import { connect, createServer, type Socket } from 'node:net'
import { type ClientDuplexStream, credentials } from '@grpc/grpc-js'
import { type ResultFrame, type RunFrame, RunInvocation, RunResult, WorkerServiceClient } from '@weft/contracts/worker'
import { describe, expect, it } from 'vitest'
import type { Channel } from './channel.ts'
import { grpcChannel } from './grpc-channel.ts'
import { grpcWorkerDirectory } from './grpc-directory.ts'
import { type InternalServer, startInternalServer } from './grpc-internal.ts'
import { internalMetadata } from './grpc-options.ts'

const secret = 'the secret of this cluster'

const serve = (accept: (channel: Channel<RunFrame, ResultFrame>) => void): Promise<InternalServer> =>
  startInternalServer({ host: '127.0.0.1', port: 0, secret, worker: { accept } })

const call = (seq: number, bytes = 0): RunFrame => ({
  frame: { $case: 'invoke', value: RunInvocation.fromPartial({ seq: BigInt(seq), payload: Buffer.alloc(bytes, 'x') }) },
})
const echo = (channel: Channel<RunFrame, ResultFrame>): void =>
  channel.receive(({ frame }) => {
    if (frame?.$case !== 'invoke') return
    const { seq, payload } = frame.value
    channel.send({ frame: { $case: 'result', value: RunResult.fromPartial({ seq, payload }) } })
  })

describe('the internal streams over gRPC', () => {
  it('carries many frames in order, both ways', async () => {
    await using server = await serve(echo)
    const channel = grpcWorkerDirectory({ secret }).dial('w', `127.0.0.1:${server.port}`)
    const got: number[] = []
    const all = new Promise<void>((resolve) =>
      channel.receive(({ frame }) => {
        if (frame && got.push(Number(frame.value.seq)) === 2_000) resolve()
      }),
    )
    for (let seq = 0; seq < 2_000; seq++) channel.send(call(seq, seq % 100 === 0 ? 100_000 : 10))
    await all
    expect(got).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
    channel.close()
  })

  it('lets nobody in without the secret', async () => {
    let accepted = 0
    await using server = await serve(() => {
      accepted += 1
    })
    for (const wrong of ['', secret.slice(1), `${secret}x`]) {
      const channel = grpcWorkerDirectory({ secret: wrong }).dial('w', `127.0.0.1:${server.port}`)
      channel.send(call(1))
      expect(await channel.closed).toMatchObject({ remote: true, reason: expect.stringContaining('secret') })
    }
    expect(accepted).toBe(0)
    await expect(
      serve(echo).then(() => startInternalServer({ host: '127.0.0.1', port: 0, secret: '' })),
    ).rejects.toThrow(/empty/)
  })

  it('is not open, ever, when nobody is there', async () => {
    const server = await serve(echo)
    await server[Symbol.asyncDispose]()
    const channel = grpcWorkerDirectory({ secret }).dial('w', `127.0.0.1:${server.port}`)
    let opened = false
    void channel.opened.then(() => {
      opened = true
    })
    expect(await channel.closed).toMatchObject({ remote: true })
    expect(opened).toBe(false)
  })

  it('opens when the other side accepts, before it says anything', async () => {
    await using server = await serve(() => undefined)
    const channel = grpcWorkerDirectory({ secret }).dial('w', `127.0.0.1:${server.port}`)
    await channel.opened
    channel.close()
    expect(await channel.closed).toMatchObject({ remote: false })
  })

  it('tells each side when the other closes', async () => {
    const accepted = Promise.withResolvers<Channel<RunFrame, ResultFrame>>()
    await using server = await serve((channel) => accepted.resolve(channel))
    const directory = grpcWorkerDirectory({ secret })
    const near = directory.dial('w', `127.0.0.1:${server.port}`)
    const far = await accepted.promise
    near.close()
    expect(await far.closed).toMatchObject({ remote: true })
  })

  it('gives a peer up that does not read', async () => {
    const accepted = Promise.withResolvers<Channel<RunFrame, ResultFrame>>()
    await using server = await serve((channel) => accepted.resolve(channel))
    const client = new WorkerServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure())
    const stream = client.run(internalMetadata(secret)) as ClientDuplexStream<{ frames: RunFrame[] }, never>
    stream.on('error', () => undefined)
    const far = await accepted.promise
    // Nobody reads from the stream, so the windows of the connection fill and the rest stays here.
    for (let seq = 0; seq < 100; seq++) {
      const payload = Buffer.alloc(1024 * 1024)
      far.send({ frame: { $case: 'result', value: RunResult.fromPartial({ seq: BigInt(seq), payload }) } })
    }
    expect(await far.closed).toMatchObject({ reason: expect.stringContaining('has not read') })
    stream.cancel()
    client.close()
  })

  it('notices within seconds that the other side is gone without a word', async () => {
    await using server = await serve(echo)
    // A wire that can be cut so that neither side is told.
    const sockets: Socket[] = []
    let cut = false
    const wire = createServer((near) => {
      const onward = connect(server.port, '127.0.0.1')
      sockets.push(near, onward)
      for (const socket of [near, onward]) socket.on('error', () => undefined)
      near.on('data', (chunk) => cut || onward.write(chunk))
      onward.on('data', (chunk) => cut || near.write(chunk))
    })
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
    const { port } = wire.address() as { port: number }
    const channel = grpcWorkerDirectory({ secret }).dial('w', `127.0.0.1:${port}`)
    await channel.opened
    cut = true
    expect(await channel.closed).toMatchObject({ remote: true })
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => wire.close(resolve))
  })

  it('cuts large batches and still keeps their order', async () => {
    await using server = await serve(echo)
    const client = new WorkerServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      // A batch of ten would not fit.
      'grpc.max_send_message_length': 3 * 1024 * 1024,
      'grpc.max_receive_message_length': 3 * 1024 * 1024,
    })
    const channel = grpcChannel<ResultFrame, RunFrame>(client.run(internalMetadata(secret)), { sizeOf: () => 600_000 })
    const got: number[] = []
    const all = new Promise<void>((resolve) =>
      channel.receive(({ frame }) => {
        if (frame && got.push(Number(frame.value.seq)) === 10) resolve()
      }),
    )
    for (let seq = 0; seq < 10; seq++) channel.send(call(seq, 600_000))
    await all
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    channel.close()
    client.close()
  })
})
