import { expect, it } from 'vitest'
import { ratiosOf } from './goals.ts'
import { runRounds } from './rounds.ts'

const fixed = (id: string, ...values: number[]) => {
  let n = 0
  return { id, title: id, group: 'floor' as const, measure: async () => ({ p50Us: values[n++] as number }) }
}

it('takes ratios inside each round, so that a slow round does not count against one side', async () => {
  const cases = [fixed('product.rest.c1', 150, 300, 160), fixed('floor.chain.c1', 100, 200, 100)]
  const ratios = ratiosOf(await runRounds(cases, 3, () => {}))
  expect(ratios).toMatchObject([{ ratio: 1.5, met: true, atMost: 2 }])
})

it('leaves out goals of which one side was not measured', async () => {
  expect(ratiosOf(await runRounds([fixed('product.rest.c1', 1)], 1, () => {}))).toEqual([])
})

it('begins each round with another case', async () => {
  const order: string[] = []
  await runRounds([fixed('a', 1, 1), fixed('b', 1, 1)], 2, (_round, { id }) => order.push(id))
  expect(order).toEqual(['a', 'b', 'b', 'a'])
})
