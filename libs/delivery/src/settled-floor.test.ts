import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SettledFloor } from './settled-floor.ts'

it('rises only over positions that are settled', () => {
  const floor = new SettledFloor()
  for (const position of [3, 5, 9]) floor.add(position)
  expect([floor.settle([5]), floor.settle([3]), floor.settle([3]), floor.settle([9])]).toEqual([
    undefined,
    5,
    undefined,
    9,
  ])
})

it('ends at the last position, whatever the order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50), { minLength: 1 }), fc.infiniteStream(fc.nat()), (some, order) => {
      const positions = [...some].sort((a, b) => a - b)
      const floor = new SettledFloor()
      for (const position of positions) floor.add(position)
      const left = new Set(positions)
      let reached: number | undefined
      for (const position of [...positions].sort(() => ((order.next().value as number) % 3) - 1)) {
        left.delete(position)
        const now = floor.settle([position])
        if (now === undefined) continue
        expect([...left].every((open) => open > now)).toBe(true)
        reached = now
      }
      expect(reached).toBe(positions.at(-1))
    }),
  )
})
