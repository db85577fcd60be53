import { delay } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { FairGate } from './fair-gate.ts'

const victims = ['a', 'b', 'c', 'd', 'e', 'f']
const runMs = 50
const everyMs = 25

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Ages of the victims' events when they end: each sends one every 25 ms, and one tenant floods beside them, or not. */
async function ages(flood: number): Promise<number[]> {
  const clock = new FakeClock()
  const gate = new FairGate(24, 8)
  const seen: number[] = []
  const run = async (tenant: string): Promise<void> => {
    const acceptedAtMs = clock.monotonic()
    const exit = await new Promise<() => void>((resolve) => gate.wait(tenant, '', resolve))
    await delay(clock, runMs)
    exit()
    if (tenant !== 'flood') seen.push(clock.monotonic() - acceptedAtMs)
  }
  for (let n = 0; n < flood; n++) void run('flood')
  for (let atMs = 0; atMs < 2_000; atMs++) {
    if (atMs % everyMs === 0) for (const victim of victims) void run(victim)
    clock.advance(1)
    await settle()
  }
  return seen.sort((a, b) => a - b)
}

it("a flood of one tenant raises the age of the others' events by less than a tenth", async () => {
  const calm = await ages(0)
  const flooded = await ages(5_000)
  const mean = (all: readonly number[]): number => all.reduce((sum, age) => sum + age, 0) / all.length
  const last = (all: readonly number[]): number => all[Math.floor(all.length * 0.99)] ?? 0
  expect(flooded.length).toBeGreaterThanOrEqual(calm.length)
  expect(mean(flooded)).toBeLessThan(mean(calm) * 1.1)
  expect(last(flooded)).toBeLessThan(last(calm) * 1.1)
})
