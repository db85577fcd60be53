import { accountId, type FabricRecord, functionName, type ResolvedFunction } from '@weft/contracts'
import { mostRunsInChain } from '@weft/delivery'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { enterFunction } from './enter-function.ts'

it('refuses a synchronous call that goes on with a loop, and counts it', () => {
  const facts: FabricRecord[] = []
  const deps = {
    clock: new FakeClock(),
    facts: { record: (fact: FabricRecord) => facts.push(fact), log: () => {}, flush: async () => {} },
  }
  const record = { accountId: accountId('000000000000'), functionName: functionName('f'), functionArn: 'arn:f' }
  const target = { record } as ResolvedFunction
  const context = { requestId: '01234567-89ab-4cde-8f01-23456789abcd' }
  let traceHeader: string | undefined
  for (let run = 1; run <= mostRunsInChain; run++) {
    const entered = enterFunction(deps, context, target, traceHeader)
    traceHeader = entered.ok ? entered.value : undefined
  }
  expect(facts).toEqual([])
  expect(enterFunction(deps, context, target, traceHeader)).toMatchObject({
    error: { code: 'RecursiveInvocationException' },
  })
  expect(facts).toMatchObject([{ type: 'recursion', functionName: 'f' }])
})
