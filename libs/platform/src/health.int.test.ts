import { expect, it } from 'vitest'
import { startHealthServer } from './health.ts'

it('serves health, readiness and metrics', async () => {
  const problems: string[] = []
  await using server = await startHealthServer({
    port: 0,
    service: 'worker',
    problems: () => problems,
    metrics: () => 'weft_up 1\n',
  })
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method })
  expect((await get('/readyz')).status).toBe(200)
  problems.push('the bus is away')
  const ready = await get('/readyz?x=1')
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { service: 'worker', status: 'degraded', problems: ['the bus is away'] },
  ])
  expect((await get('/healthz')).status).toBe(200)
  expect(await (await get('/metrics')).text()).toBe('weft_up 1\n')
  expect((await get('/healthz', 'POST')).status).toBe(405)
  expect((await get('/healthz/..')).status).toBe(404)
})

it('tells of one part alone', async () => {
  const bus = { service: 'bus', problems: () => ['the bus is away'] }
  const poller = { service: 'poller', problems: () => [] }
  await using server = await startHealthServer({
    port: 0,
    service: 'weft',
    problems: () => [],
    parts: () => [bus, poller],
  })
  const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`)
  expect((await get('/readyz')).status).toBe(503)
  expect((await get('/readyz/bus')).status).toBe(503)
  expect((await get('/readyz/poller')).status).toBe(200)
  expect(await (await get('/healthz/bus')).json()).toMatchObject({ service: 'bus', status: 'degraded' })
  expect((await get('/readyz/nobody')).status).toBe(404)
})
