import { expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import { plans } from './plans.ts'

it('tells what is lost, ended twice, ended wrongly and run too often', () => {
  const ledger = new Ledger(plans)
  for (const id of ['good', 'lost', 'twice', 'wrong', 'again']) ledger.accepted(id, 'ok')
  for (const id of ['good', 'twice', 'wrong', 'again', 'again']) ledger.ran(id, 'ok')
  for (const id of ['good', 'twice', 'twice', 'again', 'never accepted']) ledger.ended(id, 'Success')
  ledger.ended('wrong', 'EventAgeExceeded')
  expect(ledger.verdict()).toEqual({
    lost: 1,
    endedTwice: 1,
    endedWrongly: 1,
    duplicateRuns: 1,
    rows: [{ plan: 'ok', accepted: 5, ended: 4, runs: 5, duplicateRuns: 1 }],
  })
})
