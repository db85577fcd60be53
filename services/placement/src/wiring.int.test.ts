import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { callOf, dispatcherOn, functionOf, Wiring, type WiringKind } from './testing/wiring.ts'

const f = functionOf('f')
const small = functionOf('small', 3)

describe.each<WiringKind>(['memory', 'grpc'])('dispatcher, placement and worker over %s', (kind) => {
  it('runs a call, and the next one in the same sandbox', async () => {
    await using wiring = new Wiring(kind, [f])
    await wiring.startPlacement('p1')
    const worker = await wiring.startWorker('w1', (_run, finish) => setImmediate(finish))
    await using dispatcher = dispatcherOn(wiring, 'd1')
    for (let i = 0; i < 20; i++)
      expect(await dispatcher.invoke(callOf(f))).toMatchObject({ kind: 'succeeded', executedVersion: '$LATEST' })
    expect(worker.model.sandboxes).toBe(1)
  })

  it('carries the largest payload there and back', async () => {
    await using wiring = new Wiring(kind, [f])
    await wiring.startPlacement('p1')
    await wiring.startWorker('w1', (_run, finish) => setImmediate(finish))
    await using dispatcher = dispatcherOn(wiring, 'd1')
    const payload = randomBytes(6 * 1024 * 1024)
    const outcome = await dispatcher.invoke(callOf(f, payload))
    expect(outcome.kind === 'succeeded' && payload.equals(outcome.payload)).toBe(true)
  })

  it('keeps a function to its limit, between two dispatchers, and refuses the rest', async () => {
    await using wiring = new Wiring(kind, [small])
    await wiring.startPlacement('p1')
    let running = 0
    let most = 0
    await wiring.startWorker('w1', (_run, finish) => {
      running += 1
      most = Math.max(most, running)
      setTimeout(() => {
        running -= 1
        finish()
      }, 30)
    })
    await using one = dispatcherOn(wiring, 'd1')
    await using two = dispatcherOn(wiring, 'd2')
    const calls = Array.from({ length: 100 }, (_, i) => (i % 2 ? one : two).invoke(callOf(small)))
    const kinds = (await Promise.all(calls)).map((o) => (o.kind === 'throttled' ? o.reason : o.kind))
    expect(new Set(kinds)).toEqual(new Set(['succeeded', 'ReservedFunctionConcurrentInvocationLimitExceeded']))
    expect(most).toBe(3)
  })

  it('gives one dispatcher the slots that sit idle in another', async () => {
    await using wiring = new Wiring(kind, [small])
    await wiring.startPlacement('p1')
    const worker = await wiring.startWorker('w1', (_run, finish) => setTimeout(finish, 20))
    await using one = dispatcherOn(wiring, 'd1')
    await using two = dispatcherOn(wiring, 'd2')
    for (const dispatcher of [one, two, one, two]) {
      const outcomes = await Promise.all([1, 2, 3].map(() => dispatcher.invoke(callOf(small))))
      expect(outcomes.map((o) => o.kind)).toEqual(['succeeded', 'succeeded', 'succeeded'])
    }
    expect(worker.model.sandboxes).toBeLessThanOrEqual(3)
  })

  it('answers at once what runs on a worker that is lost', async () => {
    await using wiring = new Wiring(kind, [f])
    await wiring.startPlacement('p1')
    const started = Promise.withResolvers<void>()
    const worker = await wiring.startWorker('w1', () => started.resolve())
    await using dispatcher = dispatcherOn(wiring, 'd1')
    const outcome = dispatcher.invoke(callOf(f))
    await started.promise
    worker.hangUp()
    expect(await outcome).toMatchObject({ kind: 'platform-error', mayHaveRun: true })
  })

  it('stops waiting when the caller gives up', async () => {
    await using wiring = new Wiring(kind, [f])
    await wiring.startPlacement('p1')
    await using dispatcher = dispatcherOn(wiring, 'd1')
    const controller = new AbortController()
    const outcome = dispatcher.invoke(callOf(f), controller.signal)
    controller.abort()
    expect(await outcome).toMatchObject({ kind: 'platform-error', mayHaveRun: false })
  })

  it('serves under leases at hand while placement is away, and new calls once another leads', async () => {
    await using wiring = new Wiring(kind, [f])
    const first = await wiring.startPlacement('p1')
    const worker = await wiring.startWorker('w1', (_run, finish) => setTimeout(finish, 10))
    await using dispatcher = dispatcherOn(wiring, 'd1')
    expect(await dispatcher.invoke(callOf(f))).toMatchObject({ kind: 'succeeded' })
    await first[Symbol.asyncDispose]()
    expect(await dispatcher.invoke(callOf(f))).toMatchObject({ kind: 'succeeded' })
    expect(worker.model.sandboxes).toBe(1)
    const waiting = Array.from({ length: 5 }, () => dispatcher.invoke(callOf(f)))
    await wiring.startPlacement('p2')
    for (const outcome of await Promise.all(waiting)) expect(outcome).toMatchObject({ kind: 'succeeded' })
    expect(wiring.board.leader(0)).toMatchObject({ instanceId: 'p2', epoch: 2 })
  })
})
