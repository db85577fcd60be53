import { accountId, type FabricRecord, functionName, type LogBatch } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { expect, test } from 'vitest'
import { openFactSink } from './fact-sink.ts'
import { openLink } from './link.ts'

const log = silentLogger
const of = { accountId: accountId('000000000000'), functionName: functionName('f') }
const record = (n: number) => ({ type: 'throttle', ...of, requestId: `${n}`, atMs: n }) as FabricRecord

test('facts arrive in order, in few messages, once, also over a restart of the server', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log, timeoutMs: 500 })
  await link.jsm.streams.add({ name: 'R', subjects: ['weft.record.>', 'weft.log.>'] })
  await using sink = openFactSink(link, { log })
  for (let n = 0; n < 1_000; n++) sink.record(record(n))
  sink.log({ ...of, logGroup: 'g', logStream: 's', requestId: '1', lines: [] } as LogBatch)
  await sink.flush()
  await server.kill()
  for (let n = 1_000; n < 1_500; n++) sink.record(record(n))
  const flushed = sink.flush()
  await server.restart()
  await flushed

  const { state } = await link.jsm.streams.info('R')
  expect(state.messages).toBeLessThan(10)
  const ids: string[] = []
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await link.jsm.streams.getMessage('R', { seq })
    if (message?.subject !== 'weft.record.000000000000.f') continue
    for (const line of message.string().trimEnd().split('\n')) ids.push((JSON.parse(line) as FabricRecord).requestId)
  }
  expect(ids).toEqual(Array.from({ length: 1_500 }, (_, n) => `${n}`))
  expect(sink.dropped()).toBe(0)
})

test('a full buffer drops, counts and tells', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log })
  await link.jsm.streams.add({ name: 'R', subjects: ['weft.record.>'] })
  await using sink = openFactSink(link, { log, bufferBytes: 300 })
  for (let n = 0; n < 10; n++) sink.record(record(n))
  expect(sink.dropped()).toBeGreaterThan(0)
  expect(sink.problems()).toHaveLength(1)
})
