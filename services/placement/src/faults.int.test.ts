import { createFaults } from '@weft/kit'
import { describe, expect, it, vi } from 'vitest'
import { callOf, dispatcherOn, functionOf, Wiring, type WiringKind } from './testing/wiring.ts'

vi.setConfig({ testTimeout: 120_000 })

const limit = 5
const f = functionOf('f', limit)

describe.each<WiringKind>(['memory', 'grpc'])('connections and a leader board that fail, over %s', (kind) => {
  it.each([1, 2, 3])('break no promise about what has run (seed %i)', async (seed) => {
    const faults = createFaults({
      ...{ seed, rates: { unavailable: 0.01, 'done-but-timed-out': 0.01 } },
      methods: ['claim', 'renew', 'resign'],
    })
    const runs = new Map<string, number>()
    let running = 0
    let most = 0
    const onRun = ({ invocation }: { invocation: { requestId: string } }, finish: () => void): void => {
      runs.set(invocation.requestId, (runs.get(invocation.requestId) ?? 0) + 1)
      running += 1
      most = Math.max(most, running)
      setImmediate(() => {
        running -= 1
        finish()
      })
    }
    await using wiring = new Wiring(kind, [f], faults)
    await wiring.startPlacement('p1')
    await wiring.startPlacement('p2')
    await wiring.startWorker('w1', onRun)
    await wiring.startWorker('w2', onRun)
    await using one = dispatcherOn(wiring, 'd1')
    await using two = dispatcherOn(wiring, 'd2')

    let answered = 0
    const call = async (n: number): Promise<void> => {
      const request = callOf(f)
      const outcome = await (n % 2 ? one : two).invoke(request)
      const times = runs.get(request.requestId) ?? 0
      answered += 1
      if (outcome.kind === 'succeeded') expect(times).toBe(1)
      else if (outcome.kind === 'throttled' || (outcome.kind === 'platform-error' && !outcome.mayHaveRun))
        expect(times, JSON.stringify(outcome)).toBe(0)
      else expect(times).toBeLessThanOrEqual(1)
    }
    while (faults.injected.length < 80 && answered < 20_000)
      await Promise.all(Array.from({ length: 6 }, (_, n) => call(n)))
    expect(faults.injected.length).toBeGreaterThanOrEqual(80)

    faults.enabled = false
    await expect
      .poll(() => one.invoke(callOf(f)), { timeout: 60_000, interval: 200 })
      .toMatchObject({ kind: 'succeeded' })
    expect(most).toBeLessThanOrEqual(limit)
  })
})
