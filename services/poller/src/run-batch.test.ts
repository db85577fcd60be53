import type { ResolvedFunction } from '@weft/contracts'
import { expect, it } from 'vitest'
import type { BatchContext } from './batch-context.ts'
import { runBatch } from './run-batch.ts'

it('a function whose role lost its rights on the source is not run, and the mapping tells why', async () => {
  const reported: string[] = []
  const context = {
    resolve: () => ({}) as ResolvedFunction,
    refusal: () => 'The provided execution role does not have permissions to call Consume on JetStream',
    report: (result: string) => reported.push(result),
  } as unknown as BatchContext
  expect(await runBatch(context, [], 1)).toEqual({ kind: 'not-run' })
  expect(reported).toEqual([
    'PROBLEM: The provided execution role does not have permissions to call Consume on JetStream',
  ])
})
