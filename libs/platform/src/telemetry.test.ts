import { context, diag, propagation, trace } from '@opentelemetry/api'
import { startNodeSdk } from '@opentelemetry/sdk-node'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import type { InvokeCall } from '@weft/contracts'
import { afterEach, describe, expect, it } from 'vitest'
import {
  currentTraceparent,
  extractTrace,
  injectTrace,
  parseTraceparent,
  useRegisteredTracer,
  withSpan,
} from './telemetry.ts'
import { tracedInvoker } from './traced-invoker.ts'

const received = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

afterEach(() => {
  useRegisteredTracer(false)
  trace.disable()
  context.disable()
  propagation.disable()
  diag.disable()
})

describe('traceparent', () => {
  it.each([
    '',
    'x',
    `${received}-extra`,
    received.toUpperCase(),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    'a'.repeat(10_240),
  ])('treats %j as absent', (text) => {
    expect(parseTraceparent(text)).toBeUndefined()
    expect(extractTrace(new Map([['traceparent', text]]) as never)).toBeUndefined()
  })

  it('passes on unchanged while tracing is off', async () => {
    const headers = new Map<string, string>()
    await withSpan('x', { parent: received }, () => injectTrace(headers, received))
    expect(headers.get('traceparent')).toBe(received)
    expect(currentTraceparent()).toBeUndefined()
  })

  it('reads gRPC metadata and NATS headers', () => {
    expect(extractTrace({ get: () => [received] })).toBe(received)
    expect(extractTrace({ get: () => received })).toBe(received)
    expect(extractTrace(undefined)).toBeUndefined()
  })
})

describe('withSpan', () => {
  const traced = () => {
    const exporter = new InMemorySpanExporter()
    startNodeSdk({
      logLevel: 'warn',
      resourceDetectors: [],
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
      metricReaders: [],
      logRecordProcessors: [],
    })
    useRegisteredTracer(true)
    return exporter
  }

  it('joins the caller, nests, and sends its own span on', async () => {
    const exporter = traced()
    let sent: string | undefined
    await withSpan('door', { kind: 'server', parent: received }, () =>
      withSpan('invoke', {}, async () => {
        await Promise.resolve()
        sent = currentTraceparent(received)
      }),
    )
    const [inner, outer] = exporter.getFinishedSpans()
    expect(outer?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
    expect(sent).toBe(`00-0af7651916cd43dd8448eb211c80319c-${inner?.spanContext().spanId}-01`)
  })

  it('goes around invocations and on to what runs them', async () => {
    const exporter = traced()
    let sent: string | undefined
    const invoker = tracedInvoker({
      async invoke(call) {
        sent = call.traceparent
        return { kind: 'throttled', reason: 'CallerRateLimitExceeded', retryAfterSeconds: 1 }
      },
    })
    const target = { record: { functionName: 'hello' }, version: { version: '1' } }
    await invoker.invoke({ target, traceparent: received } as unknown as InvokeCall)
    const [span] = exporter.getFinishedSpans()
    expect([span?.name, span?.status.message]).toEqual(['invoke hello', 'throttled'])
    expect(sent).toBe(`00-0af7651916cd43dd8448eb211c80319c-${span?.spanContext().spanId}-01`)
  })

  it('marks a rejection and lets it pass', async () => {
    const exporter = traced()
    await expect(withSpan('x', {}, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(exporter.getFinishedSpans()[0]?.status).toEqual({ code: 2, message: 'broken' })
  })
})
