import { err, ok } from '@weft/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { invocation } from './fixtures.ts'
import { hourKey, type RecordMessage, type RollupDocument, RollupLedger, type RollupStore } from './ledger.ts'

class MemoryStore implements RollupStore {
  readonly documents = new Map<string, { document: RollupDocument; revision: number }>()
  position: { stream: string; through: number } | undefined
  /** Keys whose next saves are stored but answered as lost. */
  unavailable = false

  async load(key: string) {
    return this.documents.get(key)
  }
  async save(key: string, document: RollupDocument, revision: number) {
    if (this.unavailable) throw new Error('unavailable')
    if ((this.documents.get(key)?.revision ?? 0) !== revision) return err('conflict' as const)
    this.documents.set(key, { document: structuredClone(document), revision: revision + 1 })
    return ok(revision + 1)
  }
  async totalKeys() {
    return [...this.documents.keys()].filter((key) => key.endsWith('.total'))
  }
  async loadPosition() {
    return this.position
  }
  async savePosition(position: { stream: string; through: number }) {
    this.position = position
  }
}

const message = (sequence: number, functionName = 'hello', startedAtMs = 1_700_000_000_000): RecordMessage => ({
  stream: 'created-1',
  sequence,
  accountId: '000000000000',
  functionName,
  records: [invocation({ startedAtMs })],
})

const invocationsOf = (ledger: RollupLedger) =>
  ledger.totals.map((t) => [t.functionName, t.totals.invocations] as const).sort()

describe('the ledger', () => {
  it('counts a message once, however often and to however many instances it comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ instance: fc.nat(1), act: fc.constantFrom('add', 'flush', 'crash'), lag: fc.nat(3) }), {
          maxLength: 60,
        }),
        async (steps) => {
          const store = new MemoryStore()
          const start = async () => {
            const ledger = new RollupLedger(store, 10)
            return { ledger, next: ((await ledger.resume())?.through ?? 0) + 1 }
          }
          const instances = [await start(), await start()]
          let most = 0
          for (const { instance, act } of steps) {
            const one = instances[instance]
            if (!one) continue
            if (act === 'add') {
              most = Math.max(most, one.next)
              await one.ledger.add(message(one.next++))
            } else if (act === 'flush') await one.ledger.flush()
            else instances[instance] = await start()
          }
          for (const one of instances) {
            while (one.next <= most) await one.ledger.add(message(one.next++))
            await one.ledger.flush()
          }
          const total = store.documents.get('000000000000.hello.total')?.document.rollups.all?.invocations ?? 0
          expect(total).toBe(most)
        },
      ),
    )
  })

  it('goes on after a restart and keeps minutes apart', async () => {
    const store = new MemoryStore()
    const first = new RollupLedger(store, 10)
    await first.add(message(1))
    await first.add(message(2, 'hello', 1_700_000_060_000))
    await first.flush()
    const second = new RollupLedger(store, 10)
    expect(await second.resume()).toEqual({ stream: 'created-1', through: 2 })
    await second.add(message(3))
    expect(invocationsOf(second)).toEqual([['hello', 3]])
    await second.flush()
    const hour = store.documents.get(hourKey('000000000000', 'hello', Math.floor(1_700_000_000_000 / 3_600_000)))
    expect(Object.entries(hour?.document.rollups ?? {}).map(([minute, r]) => [minute, r.invocations])).toEqual([
      ['13', 2],
      ['14', 1],
    ])
  })

  it('starts over with the places of a new stream and keeps the counts', async () => {
    const store = new MemoryStore()
    const ledger = new RollupLedger(store, 10)
    await ledger.add(message(7))
    await ledger.add({ ...message(1), stream: 'created-2' })
    await ledger.flush()
    expect(invocationsOf(ledger)).toEqual([['hello', 2]])
    expect(store.position).toEqual({ stream: 'created-2', through: 1 })
  })

  it('keeps what it could not save until the store is back', async () => {
    const store = new MemoryStore()
    const ledger = new RollupLedger(store, 10)
    await ledger.add(message(1))
    store.unavailable = true
    await expect(ledger.flush()).rejects.toThrow('unavailable')
    expect(store.position).toBeUndefined()
    store.unavailable = false
    await ledger.add(message(2))
    await ledger.flush()
    expect(store.documents.get('000000000000.hello.total')?.document.rollups.all?.invocations).toBe(2)
  })

  it('keeps what comes in while it saves', async () => {
    const store = new MemoryStore()
    const ledger = new RollupLedger(store, 10)
    await ledger.add(message(1))
    const flushed = ledger.flush()
    await ledger.add(message(2))
    await flushed
    // Another instance saves first, so that this one has to count its unsaved part again.
    const other = new RollupLedger(store, 10)
    await other.resume()
    await other.add(message(3))
    await other.flush()
    await ledger.add(message(3))
    await ledger.flush()
    expect(store.documents.get('000000000000.hello.total')?.document.through).toBe(3)
  })

  it('counts functions beyond the bound together', async () => {
    const ledger = new RollupLedger(new MemoryStore(), 2)
    for (let i = 1; i <= 50; i++) await ledger.add(message(i, `f${i}`))
    await ledger.add(message(51, 'f1'))
    expect(invocationsOf(ledger)).toEqual([
      ['', 48],
      ['f1', 2],
      ['f2', 1],
    ])
  })
})
