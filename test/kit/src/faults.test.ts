import { memoryChannelPair } from '@weft/platform'
import { expect, test } from 'vitest'
import { createFaults, InjectedFault } from './faults.ts'

const counter = () => ({
  count: 0,
  async add() {
    this.count++
    return this.count
  },
  peek() {
    return this.count
  },
})

test('a timeout leaves the call undone, done-but-timed-out does it', async () => {
  const port = counter()
  await expect(
    createFaults({ seed: 1, rates: { timeout: 1 } })
      .wrap(port)
      .add(),
  ).rejects.toThrow(InjectedFault)
  expect(port.count).toBe(0)
  const done = createFaults({ seed: 1, rates: { 'done-but-timed-out': 1 } })
  await expect(done.wrap(port).add()).rejects.toThrow('done-but-timed-out in add')
  expect(port.count).toBe(1)
})

test('synchronous methods and calls after the end are left alone', async () => {
  const port = counter()
  const faults = createFaults({ seed: 1, rates: { unavailable: 1 } })
  const wrapped = faults.wrap(port)
  expect(wrapped.peek()).toBe(0)
  faults.enabled = false
  expect(await wrapped.add()).toBe(1)
})

test('a seed repeats its faults, at about the asked rates', async () => {
  const run = async (seed: number) => {
    const faults = createFaults({ seed, rates: { timeout: 0.1, 'done-but-timed-out': 0.1, unavailable: 0.1 } })
    const port = faults.wrap(counter())
    for (let i = 0; i < 1_000; i++) await port.add().catch(() => undefined)
    return faults.injected
  }
  const first = await run(7)
  expect(await run(7)).toEqual(first)
  expect(first.length).toBeGreaterThan(240)
  expect(first.length).toBeLessThan(360)
})

test('a channel breaks before a frame, or right after it, and for both sides', async () => {
  for (const [kind, arrived] of [
    ['unavailable', []],
    ['done-but-timed-out', ['one']],
  ] as const) {
    const [near, far] = memoryChannelPair<string, string>()
    const got: string[] = []
    far.receive((frame) => got.push(frame))
    const wrapped = createFaults({ seed: 1, rates: { [kind]: 1 } }).wrapChannel(near)
    wrapped.send('one')
    wrapped.send('two')
    expect(await wrapped.closed).toMatchObject({ remote: true })
    await far.closed
    expect(got).toEqual(arrived)
  }
})
