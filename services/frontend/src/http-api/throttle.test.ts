import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newStage } from './rules.ts'
import { accountThrottle, Throttle, throttleOf } from './throttle.ts'

test('a burst passes, then the rate, each route by itself', () => {
  const throttle = new Throttle()
  const limits = { burst: 2, rate: 1 }
  const admit = (key: string, now: number) => throttle.admit(key, limits, now)
  expect([admit('a', 0), admit('a', 0), admit('a', 0), admit('b', 0)]).toEqual([true, true, false, true])
  expect([admit('a', 999), admit('a', 1_000), admit('a', 1_000)]).toEqual([false, true, false])
})

test('never more than burst and rate allow, over pauses of any length', () => {
  const limits = { burst: 3, rate: 0.5 }
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { maxLength: 200 }), (waits) => {
      const throttle = new Throttle()
      const admitted: number[] = []
      let now = 0
      for (const wait of waits) {
        now += wait
        if (throttle.admit('a', limits, now)) admitted.push(now)
      }
      for (const [at, from] of admitted.entries()) {
        const until = admitted.at(-1) ?? 0
        const most = limits.burst + ((until - from) * limits.rate) / 1_000
        expect(admitted.length - at).toBeLessThanOrEqual(most + 1e-6)
      }
    }),
  )
})

test('a route has its own limits, else the stage’s, else the account’s', () => {
  const stage = {
    ...newStage('x', { date: '' }),
    defaultRouteSettings: { throttlingRateLimit: 5 },
    routeSettings: { 'GET /': { throttlingBurstLimit: 0 } },
  }
  expect(throttleOf(stage, 'GET /')).toEqual({ burst: 0, rate: 5 })
  expect(throttleOf(stage, 'constructor')).toEqual({ burst: accountThrottle.burst, rate: 5 })
})
