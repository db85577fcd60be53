import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { startTelemetry, withSpan } from './telemetry.ts'

afterEach(() => vi.unstubAllEnvs())

it('exports over OTLP to the configured endpoint', async () => {
  const received: { path: string | undefined; body: Buffer }[] = []
  const collector = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      received.push({ path: req.url, body: Buffer.concat(chunks) })
      res.end()
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(collector.address() as AddressInfo).port}`)
  {
    await using telemetry = await startTelemetry({ service: 'frontend', instanceId: 'f1', enabled: true })
    expect(telemetry.enabled).toBe(true)
    await withSpan('invoke hello', { kind: 'server' }, () => undefined)
  }
  collector.close()
  expect(received.map((r) => r.path)).toEqual(['/v1/traces'])
  expect(received[0]?.body.includes('invoke hello')).toBe(true)
  expect(received[0]?.body.includes('frontend')).toBe(true)
})
