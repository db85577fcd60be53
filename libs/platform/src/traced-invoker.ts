import type { Invoker } from '@weft/contracts'
import { currentTraceparent, tracing, withSpan } from './telemetry.ts'

/**
 * The invoker with a span around every call, whichever service makes it: under the span of the door, or under the
 * trace context that an event or a record carried. What runs further on gets the span's own context.
 */
export const tracedInvoker = (invoker: Invoker): Invoker => ({
  invoke(call, signal) {
    if (!tracing()) return invoker.invoke(call, signal)
    const { record, version } = call.target
    const attributes = {
      'faas.invoked_name': record.functionName,
      'faas.version': version.version,
      'weft.account': record.accountId,
      'weft.request_id': call.requestId,
      'weft.source': call.source,
      'weft.attempt': call.attempt,
    }
    const options = { kind: 'client', parent: call.traceparent, attributes } as const
    return withSpan(`invoke ${record.functionName}`, options, async (span) => {
      const traceparent = currentTraceparent(call.traceparent)
      const outcome = await invoker.invoke({ ...call, ...(traceparent !== undefined && { traceparent }) }, signal)
      if (outcome.kind !== 'succeeded') span.fail(outcome.kind)
      return outcome
    })
  },
})
