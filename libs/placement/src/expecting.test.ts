import { expect, test } from 'vitest'
import { Stage, stageSpec } from './testing/stage.ts'

const expected = (stage: Stage, functionName: string, codeDigest: string): string[] =>
  stage.handle({ kind: 'function-expected', spec: stageSpec(functionName, { codeDigest }) })

test('the worker with most room is told of a new function, or with packing the one with least', () => {
  const spread = new Stage({ limit: 10 })
  spread.worker(1, { memoryMb: 1_024n })
  spread.worker(2, { memoryMb: 1_024n })
  spread.dispatcher(10)
  expect(expected(spread, 'f', 'one')).toEqual(['1: expect f'])
  expect(spread.acquire(10, 'g').join()).toContain('1: start')
  expect(expected(spread, 'h', 'two')).toEqual(['2: expect h'])

  const pack = new Stage({ limit: 10, config: { starts: 'pack' } })
  pack.worker(1, { memoryMb: 1_024n })
  pack.worker(2, { memoryMb: 1_024n })
  pack.dispatcher(10)
  expect(pack.acquire(10, 'g').join()).toContain('1: start')
  expect(expected(pack, 'f', 'one')).toEqual(['1: expect f'])
})

test('the first start goes where the function is expected, unless that is much fuller', () => {
  const stage = new Stage({ limit: 10 })
  stage.worker(1, { memoryMb: 1_024n })
  expect(expected(stage, 'f', 'new')).toEqual(['1: expect f'])
  stage.worker(2, { memoryMb: 1_152n })
  stage.dispatcher(10)
  expect(stage.acquire(10, 'f', { spec: { codeDigest: 'new' } }).join()).toContain('1: start')
  expect(stage.acquire(10, 'g').join()).toContain('2: start')
})

test('nobody is told who could not run it', () => {
  const stage = new Stage({ limit: 10 })
  expect(expected(stage, 'f', 'one')).toEqual([])
  stage.worker(1, { runtimes: ['python3.11'] })
  stage.worker(2, { memoryMb: 64n })
  expect(expected(stage, 'f', 'one')).toEqual([])
  stage.worker(3)
  stage.stats(3, 1_024, true)
  expect(expected(stage, 'f', 'one')).toEqual([])
})
