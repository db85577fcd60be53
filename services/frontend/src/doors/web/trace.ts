import { cleanTraceHeader } from '../../operations/invocation-input.ts'
import type { DoorHead } from '../door.ts'

/** The caller's X-Amzn-Trace-Id, or a root that begins here. */
export function traceOf({ headers, requestId }: DoorHead, nowMs: number): string {
  const given = cleanTraceHeader(headers['x-amzn-trace-id'])
  if (given !== undefined) return given
  const seconds = Math.floor(nowMs / 1_000)
  return `Root=1-${seconds.toString(16).padStart(8, '0')}-${requestId.replaceAll('-', '').slice(0, 24)}`
}
