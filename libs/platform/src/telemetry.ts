import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { delay, systemClock } from './clock.ts'

/**
 * Traces. Spans are made by hand at the doors and on the invoke path, so no module is patched while it loads and no
 * preload is needed. While tracing is off every helper here is a branch and nothing more; a caller's trace context is
 * still passed on.
 *
 * The context travels as a W3C `traceparent` in HTTP headers, gRPC metadata and NATS headers alike.
 */
export interface Telemetry extends AsyncDisposable {
  readonly enabled: boolean
}

let tracer: Tracer | undefined

const flushMs = 3_000

/**
 * Starts exporting over OTLP when `enabled`, which is to be true exactly when OTEL_EXPORTER_OTLP_ENDPOINT is set (the
 * SDK reads it and the other OTEL_* variables itself); else does nothing. Once per process. Disposing sends what is
 * buffered.
 */
export async function startTelemetry(options: {
  readonly service: string
  readonly instanceId: string
  readonly enabled: boolean
}): Promise<Telemetry> {
  if (!options.enabled) return { enabled: false, [Symbol.asyncDispose]: async () => undefined }
  const { startNodeSdk } = await import('@opentelemetry/sdk-node')
  const sdk = startNodeSdk({
    logLevel: 'warn',
    // The command line and the environment stay out of what is exported.
    resourceDetectors: [],
    resourceAttributes: { 'service.name': options.service, 'service.instance.id': options.instanceId },
    metricReaders: [],
    logRecordProcessors: [],
  })
  tracer = trace.getTracer('weft')
  return {
    enabled: true,
    async [Symbol.asyncDispose]() {
      tracer = undefined
      // A collector that is away is retried for half a minute; a stop does not wait for it that long.
      await Promise.race([sdk.shutdown(), delay(systemClock, flushMs)])
    },
  }
}

/** For tests, and for hosts that set up OpenTelemetry themselves: spans go to the provider that is registered. */
export function useRegisteredTracer(on: boolean): void {
  tracer = on ? trace.getTracer('weft') : undefined
}

/** Whether spans are made. */
export const tracing = (): boolean => tracer !== undefined

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** Reads a `traceparent`; undefined for anything malformed, which then counts as absent. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  if (text?.length !== 55) return undefined
  const [, traceId, spanId, flags] = traceparentPattern.exec(text) ?? []
  if (!traceId || !spanId || !flags || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}

const formatTraceparent = (c: SpanContext): string =>
  `00-${c.traceId}-${c.spanId}-${(c.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`

/** What to send on to the next part: the active span, or what the caller sent when none is active. */
export function currentTraceparent(received?: string): string | undefined {
  const active = tracer && trace.getActiveSpan()?.spanContext()
  if (active && trace.isSpanContextValid(active)) return formatTraceparent(active)
  return parseTraceparent(received) && received
}

/** Anything with a header setter: MsgHdrs and gRPC Metadata have `set`, an http.ServerResponse `setHeader`. */
interface SettableHeaders {
  set(name: string, value: string): void
}

/** Sets `traceparent` on MsgHdrs or gRPC Metadata when there is something to send. */
export function injectTrace(headers: SettableHeaders, received?: string): void {
  const traceparent = currentTraceparent(received)
  if (traceparent !== undefined) headers.set('traceparent', traceparent)
}

/** Anything with a header getter: MsgHdrs answers "" for none, gRPC Metadata a list. */
interface GettableHeaders {
  get(name: string): string | Iterable<string | Uint8Array>
}

/** `traceparent` of MsgHdrs or gRPC Metadata, if it is well formed. */
export function extractTrace(headers: GettableHeaders | undefined): string | undefined {
  const value = headers?.get('traceparent')
  if (value === undefined) return undefined
  const text = typeof value === 'string' ? value : [...value].find((v) => typeof v === 'string')
  return parseTraceparent(text) && text
}

export interface SpanOptions {
  readonly kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  /** A `traceparent` from another process; the active span is the parent when it is absent or malformed. */
  readonly parent?: string | undefined
  readonly attributes?: Attributes
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const

/** The span inside `withSpan`; does nothing while tracing is off. */
export interface ActiveSpan {
  set(attributes: Attributes): void
  /** Marks the span as failed. For expected outcomes that are not exceptions. */
  fail(reason: string): void
}

const noSpan: ActiveSpan = { set: () => undefined, fail: () => undefined }

/** Runs `fn` inside a span, which ends when the promise settles; a rejection marks it failed and passes through. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  fn: (span: ActiveSpan) => Promise<T> | T,
): Promise<T> {
  if (!tracer) return fn(noSpan)
  const remote = parseTraceparent(options.parent)
  const parent = remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : context.active()
  const span: Span = tracer.startSpan(
    name,
    { kind: kinds[options.kind ?? 'internal'], attributes: options.attributes ?? {} },
    parent,
  )
  const active: ActiveSpan = {
    set: (attributes) => void span.setAttributes(attributes),
    fail: (reason) => void span.setStatus({ code: SpanStatusCode.ERROR, message: reason }),
  }
  try {
    return await context.with(trace.setSpan(parent, span), () => fn(active))
  } catch (error) {
    active.fail(error instanceof Error ? error.message : String(error))
    throw error
  } finally {
    span.end()
  }
}
