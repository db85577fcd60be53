import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConcurrencyLedger, type Reservation } from './ledger.ts'

const name: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c')
const version = fc.constantFrom('1', '2')

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('admit' as const), name, version }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat(30) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('provision' as const), name, version, ready: fc.nat(3) }),
  },
)

const limits = fc.record({
  accountLimit: fc.integer({ min: 1, max: 8 }),
  reserved: fc.array(fc.tuple(name, fc.integer({ min: 0, max: 4 })), { maxLength: 2 }).map((rows) => new Map(rows)),
})

interface Run {
  readonly name: string
  readonly key: string
  readonly inProvisioned: boolean
  readonly reservation: Reservation
}

describe('provisioned capacity that comes and goes', () => {
  it('never lets in more than the limits, and refuses no call that its capacity has room for', () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 100 }), ({ accountLimit, reserved }, steps) => {
        const ledger = new ConcurrencyLedger({ accountLimit, reserved, provisioned: [] })
        const running: Run[] = []
        const ready = new Map<string, number>()
        const of = (which: (run: Run) => boolean): number => running.filter(which).length
        const shared = Math.max(
          0,
          [...reserved.values()].reduce((left, n) => left - n, accountLimit),
        )
        /** Room of the function beside what runs, whatever is provisioned. */
        const room = (fn: string): number => {
          const own = reserved.get(fn)
          const pool = own === undefined ? shared - of((r) => !reserved.has(r.name)) : own - of((r) => r.name === fn)
          return Math.min(pool, accountLimit - running.length)
        }
        for (const one of steps) {
          if (one.kind === 'release') {
            running.splice(one.pick % Math.max(1, running.length), 1)[0]?.reservation.release()
          } else if (one.kind === 'provision') {
            ready.set(`${one.name} ${one.version}`, one.ready)
            ledger.provision(one.name, one.version, one.ready)
          } else {
            const key = `${one.name} ${one.version}`
            const free = (ready.get(key) ?? 0) > of((r) => r.key === key && r.inProvisioned)
            const before = room(one.name)
            const got = ledger.admit(one.name, one.version)
            if (before <= 0) expect(got.ok).toBe(false)
            else if (free) expect(got.ok).toBe(true)
            if (got.ok) running.push({ name: one.name, key, inProvisioned: free, reservation: got.value })
          }
          expect(ledger.used).toBe(running.length)
        }
      }),
      { numRuns: 500 },
    )
  })
})
