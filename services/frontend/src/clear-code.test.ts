import { ok } from '@weft/contracts'
import { silentLogger as log } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { clearCode } from './clear-code.ts'

it('looks every ten minutes and removes what was unused for an hour, also after a look that failed', async () => {
  const clock = new FakeClock()
  const removed: string[] = []
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await new Promise(setImmediate)
  }
  let looks = 0
  const inventory = {
    list: () => {
      looks += 1
      if (looks === 2) return Promise.reject(new Error('away'))
      return Promise.resolve([{ digest: 'a', storedAtMs: 0, revision: 1 }])
    },
    remove: (digest: string) => {
      removed.push(digest)
      return Promise.resolve(ok(undefined))
    },
    removeUnfinished: () => Promise.resolve(0),
  }
  const clearing = clearCode({ inventory, inUse: () => new Set(), clock, log })
  for (let minutes = 0; minutes < 60; minutes += 10) await pass(600_000)
  expect({ looks, removed }).toEqual({ looks: 6, removed: [] })
  await pass(600_000)
  expect(removed).toEqual(['a'])
  await clearing[Symbol.asyncDispose]()
  await pass(6_000_000)
  expect(looks).toBe(7)
})
