import type { SandboxSpec } from '@weft/contracts/sandbox'
import { silentLogger } from '@weft/platform'
import { expect, test } from 'vitest'
import { ExpectedFunctions } from './expected-functions.ts'
import { plainSpec } from './testing/test-worker.ts'

const named = (functionArn: string): SandboxSpec => ({ ...plainSpec, functionArn })

test('one after another, and one that fails does not hold up the next', async () => {
  const log: string[] = []
  const expected = new ExpectedFunctions(async ({ functionArn }) => {
    log.push(`begin ${functionArn}`)
    await Promise.resolve()
    log.push(`end ${functionArn}`)
    if (functionArn === 'a') throw new Error('it is gone')
  }, silentLogger)
  expected.add(named('a'))
  expected.add(named('b'))
  while (log.length < 4) await new Promise((resolve) => setImmediate(resolve))
  expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b'])
  await expected.close()
})

test('of many the oldest that wait are given up, and the end waits for what is under way alone', async () => {
  const prepared: string[] = []
  const go = Promise.withResolvers<void>()
  const expected = new ExpectedFunctions(async ({ functionArn }) => {
    prepared.push(functionArn)
    await go.promise
  }, silentLogger)
  for (let n = 0; n < 103; n++) expected.add(named(`${n}`))
  const closed = expected.close()
  go.resolve()
  await closed
  expect(prepared).toEqual(['0'])

  for (let n = 0; n < 103; n++) expected.add(named(`${n}`))
  while (prepared.at(-1) !== '102') await new Promise((resolve) => setImmediate(resolve))
  expect(prepared.slice(1, 4)).toEqual(['0', '3', '4'])
  await expected.close()
})
