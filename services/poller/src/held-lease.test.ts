import { err, ok } from '@weft/contracts'
import type { MappingLeases } from '@weft/delivery'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { describe, expect, it } from 'vitest'
import { HeldLease } from './held-lease.ts'

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

class Leases implements MappingLeases {
  readonly ttlMs = 10_000
  renewals = 0
  released: number[] = []
  answer: 'ok' | 'lost' | 'away' | 'silent' = 'ok'

  async acquire(key: string) {
    return ok({ key, revision: 1 })
  }

  async renew(lease: { key: string; revision: number }) {
    this.renewals++
    if (this.answer === 'away') throw new Error('away')
    if (this.answer === 'silent') await new Promise(() => {})
    return this.answer === 'ok' ? ok({ ...lease, revision: lease.revision + 1 }) : err('lost' as const)
  }

  async release(lease: { revision: number }) {
    this.released.push(lease.revision)
  }
}

const hold = () => {
  const clock = new FakeClock()
  const leases = new Leases()
  return {
    clock,
    leases,
    lease: new HeldLease(leases, clock, silentLogger, { key: 'k', revision: 1 }, clock.monotonic()),
  }
}

describe('a held lease', () => {
  it('is renewed and given back at its newest revision', async () => {
    const { clock, leases, lease } = hold()
    for (let n = 0; n < 20; n++) {
      clock.advance(2_500)
      await settle()
    }
    expect(lease.held()).toBe(true)
    await lease.release()
    expect([leases.renewals, leases.released]).toEqual([20, [21]])
    clock.advance(60_000)
    expect(leases.renewals).toBe(20)
  })

  it('ends at once when another has it, and is not given back', async () => {
    const { clock, leases, lease } = hold()
    leases.answer = 'lost'
    clock.advance(2_500)
    await settle()
    expect([lease.held(), lease.lost.aborted]).toEqual([false, true])
    await lease.release()
    expect(leases.released).toEqual([])
  })

  it.each(['away', 'silent'] as const)('ends before it may have expired when the bus is %s', async (answer) => {
    const { clock, leases, lease } = hold()
    leases.answer = answer
    for (let n = 0; n < 3; n++) {
      clock.advance(2_500)
      await settle()
    }
    expect(lease.held()).toBe(true)
    clock.advance(2_499)
    await settle()
    expect(lease.held()).toBe(false)
  })

  it('is not renewed by a process that slept past its end', async () => {
    const { clock, leases, lease } = hold()
    // The timer fires late: all the time has passed before it.
    const late = clock.monotonic() + 60_000
    clock.monotonic = () => late
    clock.advance(2_500)
    await settle()
    expect([leases.renewals, lease.held(), lease.lost.aborted]).toEqual([0, false, true])
  })
})
