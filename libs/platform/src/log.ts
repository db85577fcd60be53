import { trace } from '@opentelemetry/api'
import { destination, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/** JSON lines on the given descriptor (2 by default), with trace ids where a span is active. */
export function createLogger(service: string, level = 'info', fd = 2): Logger {
  const to = destination({ fd, sync: false })
  // Whoever read the log has gone. There is nobody left to tell, and the service goes on without.
  to.on('error', () => {})
  return pino(
    {
      level,
      base: { service },
      mixin: () => {
        const context = trace.getActiveSpan()?.spanContext()
        return context ? { trace_id: context.traceId, span_id: context.spanId } : {}
      },
    },
    to,
  )
}

export const silentLogger: Logger = pino({ level: 'silent' })
