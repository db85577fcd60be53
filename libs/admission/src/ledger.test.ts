import { describe, expect, it } from 'vitest'
import { ConcurrencyLedger, type ConcurrencySettings, type Reservation } from './ledger.ts'

const settings = (over: Partial<ConcurrencySettings> = {}): ConcurrencySettings => ({
  accountLimit: 10,
  reserved: new Map(),
  provisioned: [],
  ...over,
})

const admitted = (ledger: ConcurrencyLedger, name: string, version = '$LATEST'): Reservation => {
  const admission = ledger.admit(name, version)
  if (!admission.ok) throw new Error(`refused: ${admission.error}`)
  return admission.value
}
const refusal = (ledger: ConcurrencyLedger, name: string, version = '$LATEST', withheld = 0): string | undefined => {
  const admission = ledger.admit(name, version, withheld)
  if (!admission.ok) return admission.error
  admission.value.release()
  return undefined
}

describe('the concurrency ledger', () => {
  it('admits up to the account limit and says the account is full', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 2 }))
    const first = admitted(ledger, 'a')
    admitted(ledger, 'b')
    expect(refusal(ledger, 'c')).toBe('account')
    first.release()
    expect(refusal(ledger, 'c')).toBeUndefined()
  })

  it('counts a slot once however often it is released', () => {
    const ledger = new ConcurrencyLedger(settings())
    const first = admitted(ledger, 'a')
    admitted(ledger, 'a')
    first.release()
    first.release()
    expect(ledger.used).toBe(1)
    expect(ledger.usedBy('a')).toBe(1)
  })

  it('keeps a reservation for its function and holds the function to it', () => {
    const ledger = new ConcurrencyLedger(settings({ reserved: new Map([['a', 3]]) }))
    for (let i = 0; i < 7; i++) admitted(ledger, 'b')
    expect(refusal(ledger, 'b')).toBe('account')
    for (let i = 0; i < 3; i++) admitted(ledger, 'a')
    expect(refusal(ledger, 'a')).toBe('function')
    expect(ledger.used).toBe(10)
  })

  it('stops a function whose reservation is zero', () => {
    const ledger = new ConcurrencyLedger(settings({ reserved: new Map([['a', 0]]) }))
    expect(refusal(ledger, 'a')).toBe('function')
    expect(refusal(ledger, 'b')).toBeUndefined()
  })

  it('serves a version from its provisioned capacity first and spills into the pool', () => {
    const ledger = new ConcurrencyLedger(
      settings({ provisioned: [{ functionName: 'a', version: '1', ready: 2 }], accountLimit: 3 }),
    )
    const one = admitted(ledger, 'a', '1')
    admitted(ledger, 'a', '1')
    admitted(ledger, 'a', '1')
    expect(refusal(ledger, 'b')).toBe('account')
    one.release()
    expect(refusal(ledger, 'b')).toBe('account')
    expect(refusal(ledger, 'a', '1')).toBeUndefined()
  })

  it('leaves $LATEST nothing when all of a reservation is provisioned', () => {
    const ledger = new ConcurrencyLedger(
      settings({ reserved: new Map([['a', 2]]), provisioned: [{ functionName: 'a', version: '1', ready: 2 }] }),
    )
    expect(refusal(ledger, 'a')).toBe('function')
    expect(refusal(ledger, 'a', '1')).toBeUndefined()
  })

  it('moves what runs between pools when a reservation comes and goes', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 4 }))
    const running = [admitted(ledger, 'a'), admitted(ledger, 'a'), admitted(ledger, 'a')]
    ledger.configure(settings({ accountLimit: 4, reserved: new Map([['a', 2]]) }))
    expect(refusal(ledger, 'a')).toBe('function')
    expect(refusal(ledger, 'b')).toBeUndefined()
    ledger.configure(settings({ accountLimit: 4 }))
    for (const reservation of running) reservation.release()
    expect(ledger.used).toBe(0)
    for (let i = 0; i < 4; i++) admitted(ledger, 'b')
    expect(refusal(ledger, 'b')).toBe('account')
  })

  it('treats withheld slots as taken', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 3 }))
    expect(refusal(ledger, 'a', '$LATEST', 2)).toBeUndefined()
    expect(refusal(ledger, 'a', '$LATEST', 3)).toBe('account')
  })

  it('counts what is found running even beyond the limit, and drains before admitting', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 1 }))
    const found = [ledger.count('a'), ledger.count('a')]
    expect(refusal(ledger, 'a')).toBe('account')
    found[0]?.release()
    expect(refusal(ledger, 'a')).toBe('account')
    found[1]?.release()
    expect(refusal(ledger, 'a')).toBeUndefined()
  })

  it('lets a function start 1,000 environments at once and 100 more a second', () => {
    const ledger = new ConcurrencyLedger(settings())
    for (let i = 0; i < 1_000; i++) expect(ledger.admitEnvironment('a', 0)).toBe(true)
    expect(ledger.admitEnvironment('a', 0)).toBe(false)
    expect(ledger.admitEnvironment('b', 0)).toBe(true)
    for (let i = 0; i < 100; i++) expect(ledger.admitEnvironment('a', 1_000)).toBe(true)
    expect(ledger.admitEnvironment('a', 1_000)).toBe(false)
  })

  it('lets the shared pool bear what still runs in provisioned capacity that is gone', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 4, reserved: new Map([['b', 2]]) }))
    ledger.provision('a', '1', 2)
    const first = ledger.admit('a', '1')
    ledger.admit('a', '1')
    ledger.provision('a', '1', 0)
    expect(ledger.admit('c', '$LATEST')).toEqual({ ok: false, error: 'account' })
    if (first.ok) first.value.release()
    expect(ledger.admit('c', '$LATEST').ok).toBe(true)
    expect(ledger.admit('b', '$LATEST').ok).toBe(true)
    expect(ledger.admit('b', '$LATEST').ok).toBe(true)
  })

  it('lets a reservation bear it, too', () => {
    const ledger = new ConcurrencyLedger(settings({ accountLimit: 10, reserved: new Map([['a', 2]]) }))
    ledger.provision('a', '1', 2)
    ledger.admit('a', '1')
    ledger.admit('a', '1')
    ledger.provision('a', '1', 0)
    expect(ledger.admit('a', '1')).toEqual({ ok: false, error: 'function' })
  })

  it.each([
    ['a reservation', settings({ accountLimit: 10, reserved: new Map([['a', 2]]) }), 'function'],
    ['the shared pool', settings({ accountLimit: 2 }), 'account'],
  ] as const)('lets capacity that becomes ready while %s is in use admit nothing more', (_pool, limits, error) => {
    const ledger = new ConcurrencyLedger(limits)
    ledger.admit('a', '1')
    const second = ledger.admit('a', '1')
    ledger.provision('a', '1', 2)
    expect(ledger.admit('a', '1')).toEqual({ ok: false, error })
    if (second.ok) second.value.release()
    expect(ledger.admit('a', '1').ok).toBe(true)
  })
})

describe('a rate of synchronous calls', () => {
  const rated = (requestsPerEnvironment?: number) =>
    new ConcurrencyLedger(settings({ reserved: new Map([['f', 2]]), requestsPerEnvironment }))

  it('is what each environment of a pool may serve, for a second at once', () => {
    const ledger = rated(10)
    expect(ledger.spend('g', 79, 0)).toBe(0)
    expect(ledger.spend('h', 1, 0)).toBeGreaterThan(0)
    expect(ledger.spend('f', 19, 0)).toBe(0)
    expect(ledger.spend('f', 1, 0)).toBeGreaterThan(0)
  })

  it('is kept over time: what was let in too much is owed', () => {
    const ledger = rated(10)
    expect(ledger.spend('f', 40, 0)).toBe(1_050)
    expect(ledger.spend('f', 1, 1_050)).toBe(50)
    let calls = 41
    for (let now = 1_100; now < 11_100; now += ledger.spend('f', 1, now)) calls += 1
    expect(calls).toBeLessThanOrEqual(20 + 20 * 11.1)
    expect(calls).toBeGreaterThan(20 * 11)
  })

  it('is none where none is set', () => {
    expect(rated().spend('f', 1_000_000, 0)).toBe(0)
  })

  it('follows the limits when they change', () => {
    const ledger = rated(10)
    expect(ledger.spend('f', 20, 0)).toBeGreaterThan(0)
    ledger.configure(settings({ reserved: new Map([['f', 4]]), requestsPerEnvironment: 10 }))
    expect(ledger.spend('f', 1, 0)).toBe(0)
  })
})
