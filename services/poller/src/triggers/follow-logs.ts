import { type LogFilter, logGroupArn, requestIdOfMessage } from '@weft/contracts'
import {
  type LineFilter,
  logEventId,
  logsEvent,
  type NumberedLine,
  type Posted,
  parseFilterPattern,
  type TriggerIndex,
} from '@weft/delivery'
import type { Outgoing, Sender } from './deliver.ts'

/** CloudWatch Logs user guide: "retried for up to 24 hours". */
const retryPolicy = { maximumEventAgeSeconds: 86_400, maximumRetryAttempts: 100_000 }

const patterns = new WeakMap<LogFilter, LineFilter>()
const nothing: LineFilter = () => false

/** The filter's pattern, read once for as long as the record lives. It was checked before it was kept. */
function patternOf(filter: LogFilter): LineFilter {
  const known = patterns.get(filter)
  if (known) return known
  const parsed = parseFilterPattern(filter.pattern)
  const pattern = parsed.ok ? parsed.value : nothing
  patterns.set(filter, pattern)
  return pattern
}

/** What log lines become: a call of the function of each filter of their group, with those that it lets through. */
export function* followLogs(
  { triggers, region }: { readonly triggers: TriggerIndex; readonly region: string },
  { sequence, batches }: Extract<Posted, { kind: 'lines' }>,
): Iterable<Outgoing> {
  const counted = new Map<string, number>()
  for (const [place, batch] of batches.entries()) {
    const { accountId, logGroup } = batch
    const first = counted.get(logGroup) ?? 0
    counted.set(logGroup, first + batch.lines.length)
    const filters = triggers.logFilters(accountId, logGroup)?.filters ?? []
    if (filters.length === 0) continue
    const arn = logGroupArn(region, accountId, logGroup)
    const from: Sender = { accountId, name: batch.functionName, arn, service: 'logs.amazonaws.com' }
    const lines = batch.lines.map((line, at): NumberedLine => ({ ...line, id: logEventId(sequence, first + at) }))
    for (const filter of filters) {
      const passed = lines.filter(({ atMs, message }) => atMs >= filter.createdAtMs && patternOf(filter)(message))
      if (passed.length === 0) continue
      yield {
        from,
        target: { id: filter.name, arn: filter.functionArn, ...retryPolicy },
        payload: JSON.stringify(logsEvent(batch, filter.name, passed)),
        messageId: requestIdOfMessage(`${arn} ${filter.name}`, String(place), sequence),
      }
    }
  }
}
