import { expect, test } from 'vitest'
import { LeaseFence } from './lease-fence.ts'

const lease = (epoch: number, number: number) => ({ epoch: BigInt(epoch), number: BigInt(number) })

test('a later lease shuts out earlier ones, of earlier epochs above all', () => {
  const fence = new LeaseFence()
  expect(fence.admit(lease(1, 5))).toBe(true)
  expect(fence.admit(lease(1, 5))).toBe(true)
  expect(fence.admit(lease(1, 4))).toBe(false)
  expect(fence.admit(lease(2, 1))).toBe(true)
  expect(fence.admit(lease(1, 9))).toBe(false)
  expect(fence.latest).toEqual(lease(2, 1))
})

test('an ended lease and all before it run nothing more, not even one never seen', () => {
  const fence = new LeaseFence()
  fence.end(lease(1, 3))
  fence.end(lease(1, 2))
  expect(fence.admit(lease(1, 3))).toBe(false)
  expect(fence.admit(lease(1, 1))).toBe(false)
  expect(fence.admit(lease(1, 4))).toBe(true)
})
