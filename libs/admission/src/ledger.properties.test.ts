import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConcurrencyLedger, type ConcurrencySettings, type Reservation } from './ledger.ts'

const names = ['a', 'b', 'c']
const name = fc.constantFrom(...names)

const settings: fc.Arbitrary<ConcurrencySettings> = fc.record({
  accountLimit: fc.integer({ min: 0, max: 8 }),
  reserved: fc
    .array(fc.tuple(name, fc.integer({ min: 0, max: 4 })), { maxLength: 2 })
    .map((rows) => new Map(rows) as ReadonlyMap<string, number>),
  provisioned: fc.constant([]),
})

type Step =
  | { readonly kind: 'admit'; readonly name: string; readonly withheld: number }
  | { readonly kind: 'count'; readonly name: string }
  | { readonly kind: 'release'; readonly pick: number }
  | { readonly kind: 'configure'; readonly settings: ConcurrencySettings }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('admit' as const), name, withheld: fc.constantFrom(0, 0, 0, 2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('count' as const), name }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('configure' as const), settings }) },
)

/** The same rules, from a plain list of who runs, added up anew each time. */
function naiveAdmission(s: ConcurrencySettings, running: readonly string[], name: string, withheld: number) {
  const of = (n: string): number => running.filter((r) => r === n).length
  const reserved = s.reserved.get(name)
  if (running.length + withheld >= s.accountLimit)
    return reserved !== undefined && of(name) >= reserved ? 'function' : 'account'
  if (reserved !== undefined) return of(name) + withheld >= reserved ? 'function' : undefined
  const set = [...s.reserved.values()].reduce((sum, n) => sum + n, 0)
  const shared = running.filter((r) => !s.reserved.has(r)).length
  return shared + withheld >= Math.max(0, s.accountLimit - set) ? 'account' : undefined
}

describe('the concurrency ledger against a naive model', () => {
  it('admits and refuses the same, for the same reason, and never counts below zero', () => {
    fc.assert(
      fc.property(settings, fc.array(step, { maxLength: 120 }), (first, steps) => {
        const ledger = new ConcurrencyLedger(first)
        let current = first
        const running: { name: string; reservation: Reservation }[] = []
        const gone: Reservation[] = []
        for (const s of steps) {
          if (s.kind === 'admit') {
            const expected = naiveAdmission(
              current,
              running.map((r) => r.name),
              s.name,
              s.withheld,
            )
            const got = ledger.admit(s.name, '$LATEST', s.withheld)
            expect(got.ok ? undefined : got.error).toBe(expected)
            if (got.ok) running.push({ name: s.name, reservation: got.value })
          } else if (s.kind === 'count') {
            running.push({ name: s.name, reservation: ledger.count(s.name) })
          } else if (s.kind === 'release') {
            const [out] = running.splice(s.pick % Math.max(1, running.length), 1)
            if (out) {
              out.reservation.release()
              gone.push(out.reservation)
            }
            gone[s.pick % Math.max(1, gone.length)]?.release()
          } else {
            current = s.settings
            ledger.configure(current)
          }
          expect(ledger.used).toBe(running.length)
          for (const n of names) expect(ledger.usedBy(n)).toBe(running.filter((r) => r.name === n).length)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('starts at most 1,000 environments plus 100 a second in any span', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 2_000 }), (gapsMs) => {
        const ledger = new ConcurrencyLedger({ accountLimit: 1, reserved: new Map(), provisioned: [] })
        let now = 0
        let started = 0
        for (const gap of gapsMs) {
          now += gap
          for (let i = 0; i < 3; i++) if (ledger.admitEnvironment('a', now)) started += 1
          expect(started).toBeLessThanOrEqual(1_000 + now / 10 + 1e-6)
        }
      }),
      { numRuns: 30 },
    )
  })
})
