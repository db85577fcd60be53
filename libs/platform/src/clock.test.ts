import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

test('a timer fires when its time has come by the clock, never a moment before', async () => {
  // Delays with fractions of a millisecond are those that setTimeout alone fires early.
  const delays = Array.from({ length: 200 }, (_, i) => 1 + (i % 20) + i / 201)
  const early = await Promise.all(
    delays.map(
      (delayMs) =>
        new Promise<number>((resolve) => {
          const dueAt = systemClock.monotonic() + delayMs
          // The timer does not keep the process alive by itself.
          const alive = setInterval(() => {}, 1_000)
          systemClock.schedule(delayMs, () => {
            clearInterval(alive)
            resolve(Math.max(0, dueAt - systemClock.monotonic()))
          })
        }),
    ),
  )
  expect(Math.max(...early)).toBe(0)
})

test('a timer that is cancelled does not fire when a later one does', async () => {
  let fired = false
  const timer = systemClock.schedule(1, () => {
    fired = true
  })
  timer.cancel()
  timer.cancel()
  const alive = setInterval(() => {}, 1_000)
  await new Promise<void>((resolve) => systemClock.schedule(5, resolve))
  clearInterval(alive)
  expect(fired).toBe(false)
})
