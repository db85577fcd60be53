import { errors, type NatsConnection } from '@nats-io/transport-node'
import { FakeClock } from '@weft/platform/testing'
import { describe, expect, it } from 'vitest'
import { readDeliveryInfo } from './delivery-info.ts'
import { Hold } from './hold.ts'
import { Pulse } from './pulse.ts'

function fakeConnection(request: () => Promise<unknown>) {
  const published: string[] = []
  const connection = {
    request,
    publish: (_: string, payload: string) => published.push(payload),
  } as unknown as NatsConnection
  return { connection, published }
}
const answers = () => fakeConnection(async () => ({}))

describe('a hold', () => {
  it('lasts nine tenths of the ack wait since the message was sent, or since an extension began', async () => {
    const clock = new FakeClock()
    clock.advance(1_000)
    const hold = new Hold(answers().connection, clock, 'reply', 0, 10_000)
    clock.advance(7_000)
    expect(hold.held()).toBe(true)
    await hold.extend()
    clock.advance(8_999)
    expect(hold.held()).toBe(true)
    clock.advance(1)
    expect(hold.held()).toBe(false)
  })

  it('once ended is not brought back by the server, which confirms extensions of former owners', async () => {
    const clock = new FakeClock()
    const hold = new Hold(answers().connection, clock, 'reply', 0, 10_000)
    clock.advance(9_000)
    await hold.extend()
    expect(hold.held()).toBe(false)
  })

  it('is not extended without an answer, and ends when no one answers for the consumer', async () => {
    const clock = new FakeClock()
    const silent = new Hold(
      fakeConnection(() => Promise.reject(new Error('timeout'))).connection,
      clock,
      'r',
      0,
      10_000,
    )
    await silent.extend()
    expect(silent.held()).toBe(true)
    clock.advance(9_000)
    expect(silent.held()).toBe(false)
    const missing = new errors.RequestError('no one', { cause: new errors.NoRespondersError('r') })
    const gone = new Hold(
      fakeConnection(() => Promise.reject(missing)).connection,
      clock,
      'r',
      clock.monotonic(),
      10_000,
    )
    await gone.extend()
    expect(gone.held()).toBe(false)
  })

  it('that is released names the delay in nanoseconds and is over', () => {
    const clock = new FakeClock()
    const { connection, published } = answers()
    const hold = new Hold(connection, clock, 'reply', 0, 10_000)
    hold.release(60_000)
    expect([hold.held(), published]).toEqual([false, ['-NAK {"delay":60000000000}']])
  })
})

describe('the pulse', () => {
  it('dates what is found after a stop before the stop', () => {
    const clock = new FakeClock()
    const pulse = new Pulse(clock, 500)
    clock.advance(10_000)
    expect(clock.monotonic() - pulse.awakeSince()).toBeLessThanOrEqual(1_000)
    const before = clock.monotonic()
    // The process is stopped: time passes, no timer fires until it wakes; then the timer comes before the socket.
    const woken = before + 45_000
    const real = clock.monotonic.bind(clock)
    clock.monotonic = () => Math.max(real(), woken)
    clock.advance(500)
    expect(pulse.awakeSince()).toBeLessThanOrEqual(before)
    pulse.stop()
    expect(clock.nextTimerAt).toBeUndefined()
  })
})

describe('an ack subject', () => {
  const expected = { deliveryCount: 2, streamSequence: 30, consumerSequence: 41, storedAtMs: 1_700_000_000_123 }

  it('is read in both forms', () => {
    expect(readDeliveryInfo('$JS.ACK.S.c.2.30.41.1700000000123456789.5')).toEqual(expected)
    expect(readDeliveryInfo('$JS.ACK._.HASH.S.c.2.30.41.1700000000123456789.5.x')).toEqual(expected)
  })

  it.each([undefined, '', 'a.b', '$JS.ACK.S.c.x.30.41.1.5', '_INBOX.x.2.30.41.1700000000123456789.5.7.8.9'])(
    '%s is none',
    (reply) => {
      expect(() => readDeliveryInfo(reply)).toThrow('not an ack subject')
    },
  )
})
