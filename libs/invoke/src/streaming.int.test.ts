import { accountId, functionName, type InvokeCall, type Leader } from '@weft/contracts'
import { type DispatcherFrame, Lease, type PlacementToDispatcherFrame } from '@weft/contracts/placement'
import { type ResultFrame, type RunFrame, type RunInvocation, RunResult, RunStatus } from '@weft/contracts/worker'
import {
  type Channel,
  grpcWorkerDirectory,
  type InternalServer,
  memoryChannelPair,
  type PlacementDirectory,
  startInternalServer,
  systemClock,
  systemRandom,
} from '@weft/platform'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { answerWindowBytes } from './answer-window.ts'
import { createDispatcher, type Dispatcher } from './dispatcher.ts'

const secret = 'the secret of this cluster'
const chunkBytes = 64 * 1024
const leader: Leader = { instanceId: 'p', address: '', epoch: 1, renewedAtMs: 0 }

/** A worker behind gRPC that streams `chunks` parts to each call, as its credit allows. */
class StreamingWorker {
  chunks = 0
  readonly sent = new Map<string, number>()
  readonly discarded = new Set<string>()
  readonly channels: Channel<RunFrame, ResultFrame>[] = []

  accept(channel: Channel<RunFrame, ResultFrame>): void {
    this.channels.push(channel)
    const running = new Map<bigint, (bytes: number, discard: boolean) => void>()
    channel.receive(({ frame }) => {
      if (frame?.$case === 'credit') running.get(frame.value.seq)?.(frame.value.bytes, frame.value.discard)
      else if (frame?.$case === 'invoke') this.#run(channel, frame.value, running)
    })
  }

  #run(
    channel: Channel<RunFrame, ResultFrame>,
    { seq, requestId, answerWindowBytes: window }: RunInvocation,
    running: Map<bigint, (bytes: number, discard: boolean) => void>,
  ): void {
    let credit = window
    let left = this.chunks
    const go = (bytes: number, discard: boolean): void => {
      credit += bytes
      if (discard) this.discarded.add(requestId)
      for (; left > 0 && (credit > 0 || discard); left--) {
        if (discard) continue
        credit -= chunkBytes
        this.sent.set(requestId, (this.sent.get(requestId) ?? 0) + chunkBytes)
        channel.send({ frame: { $case: 'chunk', value: { seq, data: Buffer.alloc(chunkBytes, 'x') } } })
      }
      if (left > 0) return
      running.delete(seq)
      const value = RunResult.fromPartial({ seq, status: RunStatus.RUN_STATUS_SUCCEEDED })
      channel.send({ frame: { $case: 'result', value } })
    }
    running.set(seq, go)
    channel.send({ frame: { $case: 'begin', value: { seq, contentType: 'text/plain' } } })
    go(0, false)
  }
}

/** Placement that grants whatever it is asked for, each on a sandbox of its own. */
function grantAll(address: string): PlacementDirectory {
  let sandboxes = 0
  return {
    partitions: 1,
    leader: () => leader,
    onLeader: () => () => undefined,
    dialWorker: () => {
      throw new Error('no worker registers here')
    },
    dialDispatcher: () => {
      const [near, far] = memoryChannelPair<PlacementToDispatcherFrame, DispatcherFrame>()
      far.receive(({ frame }) => {
        if (frame?.$case !== 'acquire') return
        sandboxes += 1
        const lease = Lease.fromPartial({
          id: { epoch: 1n, number: BigInt(sandboxes) },
          ...{ sandboxId: `s${sandboxes}`, workerId: 'w', workerAddress: address },
          ...{ sandboxKey: frame.value.spec?.sandboxKey ?? '', accountId: '000000000001', functionName: 'f' },
        })
        far.send({ frame: { $case: 'granted', value: { seq: frame.value.seq, lease, cold: true } } })
      })
      return near
    },
  }
}

let worker: StreamingWorker
let server: InternalServer
let dispatcher: Dispatcher
beforeEach(async () => {
  worker = new StreamingWorker()
  server = await startInternalServer({ host: '127.0.0.1', port: 0, secret, worker })
  dispatcher = createDispatcher({
    ...{ id: 'd', region: 'us-east-1', clock: systemClock, random: systemRandom, drainMs: 0 },
    placement: grantAll(`127.0.0.1:${server.port}`),
    workers: grpcWorkerDirectory({ secret }),
  })
})
afterEach(async () => {
  await dispatcher[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** A call whose parts wait in `untaken` until they are taken; `first` resolves with the first of them. */
function call(requestId: string, takes: boolean) {
  const untaken: (() => void)[] = []
  const first = Promise.withResolvers<void>()
  const got = { bytes: 0 }
  let taking = takes
  const version = {
    version: '$LATEST',
    revisionId: 'r',
    environment: {},
    code: { digest: '', sizeBytes: 0 },
    timeoutMs: 60_000,
  }
  const record = { accountId: accountId('000000000001'), functionName: functionName('f'), functionArn: 'arn' }
  const value = {
    ...{ requestId, payload: new Uint8Array(), source: 'sync', attempt: 1, logTail: false, acceptedAtMs: 0 },
    target: { record, version, invokedArn: 'arn' },
    sink: {
      begin: () => undefined,
      write: (chunk: Uint8Array, taken: () => void) => {
        got.bytes += chunk.byteLength
        if (taking) setImmediate(taken)
        else untaken.push(taken)
        first.resolve()
      },
    },
  } as unknown as InvokeCall
  const take = (): void => {
    taking = true
    for (const taken of untaken.splice(0)) taken()
  }
  return { value, got, first: first.promise, take }
}

it('a caller that lags holds up no other one on the same connection, and loses nothing', async () => {
  worker.chunks = 160
  const slow = call('slow', false)
  const slowOutcome = dispatcher.invoke(slow.value)
  await slow.first
  const fast = call('fast', true)
  expect(await dispatcher.invoke(fast.value)).toMatchObject({ kind: 'succeeded', executedVersion: '$LATEST' })
  expect(fast.got.bytes).toBe(160 * chunkBytes)
  expect(worker.sent.get('slow')).toBe(answerWindowBytes)
  slow.take()
  expect(await slowOutcome).toMatchObject({ kind: 'succeeded' })
  expect(slow.got.bytes).toBe(160 * chunkBytes)
})

it('a caller that gives up in mid stream has the rest dropped at the worker', async () => {
  worker.chunks = 160
  const leaving = new AbortController()
  const left = call('left', false)
  const outcome = dispatcher.invoke(left.value, leaving.signal)
  await left.first
  leaving.abort()
  expect(await outcome).toMatchObject({ kind: 'succeeded' })
  expect(worker.discarded).toEqual(new Set(['left']))
  expect(left.got.bytes).toBeLessThanOrEqual(answerWindowBytes)
})

it('a worker that is lost in mid stream fails the call after the parts that came', async () => {
  worker.chunks = 160
  const lost = call('lost', false)
  const outcome = dispatcher.invoke(lost.value)
  await lost.first
  for (const channel of worker.channels) channel.close()
  expect(await outcome).toMatchObject({ kind: 'platform-error', mayHaveRun: true })
  expect(lost.got.bytes).toBeGreaterThan(0)
})
