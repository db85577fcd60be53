import { accountId, type FabricRecord, functionName } from '@weft/contracts'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { expect, test } from 'vitest'
import { openFactSink } from './fact-sink.ts'

const record = (n: number): FabricRecord => ({
  type: 'throttle',
  accountId: accountId('000000000000'),
  functionName: functionName('f'),
  requestId: `${n}`,
  reason: 'ConcurrentInvocationLimitExceeded',
  atMs: n,
})

test('what comes while a round is sent gathers for as long as before the first one', async () => {
  const clock = new FakeClock()
  const bodies: string[] = []
  const publish = async (_subject: string, body?: unknown) => {
    bodies.push(String(body))
    if (bodies.length === 1) sink.record(record(2))
    return { stream: 'R', seq: bodies.length, duplicate: false }
  }
  const sink = openFactSink({ js: { publish }, problems: () => [] }, { log: silentLogger, clock, lingerMs: 50 })
  const ids = (): string[][] =>
    bodies.map((body) =>
      body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).requestId),
    )
  sink.record(record(1))
  clock.advance(50)
  await expect.poll(ids).toEqual([['1']])
  sink.record(record(3))
  clock.advance(49)
  await sink[Symbol.asyncDispose]()
  expect(ids()).toEqual([['1'], ['2', '3']])
})
