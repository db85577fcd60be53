import { getEventListeners } from 'node:events'
import { functionName } from '@weft/contracts'
import type { EventDelivery, QueuedEvent, Settlement } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { asyncQueueDefaults } from './config.ts'
import { FairGate } from './fair-gate.ts'
import { account, TestCatalogue, TestInvoker } from './fixtures.ts'
import { type RunContext, runEvent } from './run-event.ts'

const none = async (): Promise<never> => {
  throw new Error('not asked for here')
}

function contextWith(invoker: TestInvoker, places: number) {
  const stopping = new AbortController()
  const leaving = new AbortController()
  const context: RunContext = {
    config: asyncQueueDefaults,
    gate: new FairGate(places, places),
    paces: new Map(),
    catalogue: new TestCatalogue('f'),
    invoker,
    targets: { send: none },
    facts: { record: () => {}, log: () => {}, flush: async () => {} },
    book: new MemoryBook(),
    clock: new FakeClock(),
    random: () => 0.5,
    log: silentLogger,
    stopping: stopping.signal,
    leaving: leaving.signal,
  }
  return { context, stopping, leaving }
}

function deliveryOf(requestId: string, settle: (settlement: Settlement) => Promise<'settled' | 'lost'>) {
  const event: QueuedEvent = {
    requestId,
    accountId: account,
    functionName: functionName('f'),
    payload: Buffer.from('{}'),
    acceptedAtMs: new FakeClock().now(),
    attempt: 1,
    functionErrors: 0,
    backoffs: 0,
    turn: 0,
    notBeforeMs: 0,
  }
  const released: number[] = []
  const delivery: EventDelivery = {
    event,
    redelivered: false,
    held: () => true,
    extend: async () => {},
    release: (delayMs) => void released.push(delayMs),
    settle,
  }
  return { delivery, released }
}

it('the next event runs while the end of the one before is written', async () => {
  const invoker = new TestInvoker()
  const { context } = contextWith(invoker, 1)
  const written = Promise.withResolvers<'settled'>()
  const ends: string[] = []
  const runs = ['one', 'two'].map((id) =>
    runEvent(
      context,
      deliveryOf(id, ({ kind }) => {
        ends.push(`${id} ${kind}`)
        return written.promise
      }).delivery,
    ),
  )
  await expect.poll(() => ends).toEqual(['one done', 'two done'])
  expect(invoker.calls.map(({ requestId }) => requestId)).toEqual(['one', 'two'])
  written.resolve('settled')
  await Promise.all(runs)
  expect(context.gate.taken).toBe(0)
})

it('nothing of an event stays behind on the signals that outlive it', async () => {
  const invoker = new TestInvoker()
  const { context } = contextWith(invoker, 2)
  const runs = Array.from({ length: 20 }, (_, n) =>
    runEvent(context, deliveryOf(`event-${n}`, async () => 'settled').delivery),
  )
  await Promise.all(runs)
  expect(invoker.calls).toHaveLength(20)
  for (const signal of [context.stopping, context.leaving]) expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('an event that waits for a place, or runs, is given back at a stop', async () => {
  const invoker = new TestInvoker()
  invoker.answer = () => new Promise(() => {})
  const { context, stopping, leaving } = contextWith(invoker, 1)
  const [running, waiting] = [deliveryOf('one', none), deliveryOf('two', none)]
  const runs = [runEvent(context, running.delivery), runEvent(context, waiting.delivery)]
  stopping.abort()
  await runs[1]
  expect([running.released, waiting.released]).toEqual([[], [0]])
  leaving.abort()
  await runs[0]
  expect(running.released).toEqual([0])
})
