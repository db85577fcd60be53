import { expect, it } from 'vitest'
import { Stage } from './testing/stage.ts'

it('counts the calls that all dispatchers let in, and tells every one of them when the rate is used up', () => {
  const stage = new Stage({ limit: 10 })
  stage.ledger.mostCalls = 5
  stage.dispatcher(10)
  stage.dispatcher(11)
  const spent = (connection: number, calls: number): string[] => {
    const value = { accountId: '000000000001', functionName: '', calls }
    return stage.handle({ kind: 'dispatcher-frame', connection, frame: { frame: { $case: 'spent', value } } })
  }
  expect(spent(10, 3)).toEqual([])
  expect(spent(11, 2)).toEqual([])
  expect(spent(11, 1)).toEqual(['10: rate limited  500 ms', '11: rate limited  500 ms'])
})
