import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buckets, streams, subjects } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { ensureFabric, type NatsLink, openDocuments, openFactSink, openLink, streamReader } from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LatestCapacity } from './capacity.ts'
import { metricsDefaults } from './config.ts'
import { invocation } from './fixtures.ts'
import { startMetrics } from './service.ts'

const log = silentLogger
const stack = new AsyncDisposableStack()
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log, timeoutMs: 1_000 }))
  await ensureFabric(link, { replicas: 1, storageBytes: 1024 ** 3 })
})
afterAll(() => stack.disposeAsync())

const start = () =>
  startMetrics(
    { ...metricsDefaults, replayMessages: 3 },
    {
      records: streamReader(link, streams.records),
      documents: openDocuments(link, buckets.rollups),
      capacity: new LatestCapacity(systemClock),
      clock: systemClock,
      log,
    },
  )
const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const record = async (from: number, to: number) => {
  await using sink = openFactSink(link, { log })
  for (let n = from; n <= to; n++) sink.record(invocation({ requestId: id(n) }))
  await sink.flush()
}
const line = 'weft_invocations_total{account="000000000000",function="hello"}'
const countIn = (page: string): number =>
  Number(
    page
      .split('\n')
      .find((text) => text.startsWith(line))
      ?.slice(line.length),
  )

test('counts once over restarts of the service and of the server', async () => {
  const first = await start()
  await expect.poll(() => first.problems()).toEqual([])
  await record(1, 300)
  await first.caughtUp()
  expect(countIn(first.page())).toBe(300)
  await first[Symbol.asyncDispose]()

  await record(301, 310)
  const second = await start()
  await second.caughtUp()
  expect(countIn(second.page())).toBe(310)
  expect(second.problems()).toEqual([])

  await server.kill()
  await server.restart()
  await record(311, 320)
  await second.caughtUp()
  expect(countIn(second.page())).toBe(320)
  await second[Symbol.asyncDispose]()

  const third = await start()
  await third.caughtUp()
  expect(countIn(third.page())).toBe(320)
  await third[Symbol.asyncDispose]()
})

test('two instances count no record twice', async () => {
  const both = await Promise.all([start(), start()])
  await record(321, 330)
  for (const one of both) {
    await one.caughtUp()
    await one[Symbol.asyncDispose]()
  }
  const after = await start()
  await after.caughtUp()
  expect(countIn(after.page())).toBe(330)
  await after[Symbol.asyncDispose]()
})

test('leaves out what is no record of the function', async () => {
  const lines = [invocation({ accountId: '111111111111' as never }), { type: 'x' }, invocation({ requestId: id(331) })]
  const subject = subjects.record(invocation().accountId, invocation().functionName)
  await link.js.publish(subject, `${lines.map((one) => JSON.stringify(one)).join('\n')}\n\u0000\n`)
  const metrics = await start()
  await metrics.caughtUp()
  expect(countIn(metrics.page())).toBe(331)
  expect(metrics.page()).toContain('weft_metrics_malformed_records_total 3\n')
  await metrics[Symbol.asyncDispose]()
})

test('finds a request, recent or old', async () => {
  const metrics = await start()
  await metrics.caughtUp()
  const http = createServer((request, response) => metrics.handle(request, response))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}${path}`)
    return { status: response.status, body: (await response.json()) as { records?: { requestId: string }[] } }
  }
  for (const n of [1, 331])
    expect((await get(`/invocations/${id(n)}`)).body.records?.map((r) => r.requestId)).toEqual([id(n)])
  expect((await get(`/invocations/${id(999)}`)).status).toBe(404)
  expect((await get('/invocations/..%2f')).status).toBe(404)
  await new Promise((resolve) => http.close(resolve))
  await metrics[Symbol.asyncDispose]()
})
