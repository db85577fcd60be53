import { logEventId } from '@weft/delivery'
import type { Input } from '../json/fields.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import { filterOf, type LogsContext, type LogsOperation } from './context.ts'
import type { LogEvent, LogGroup } from './log-reader.ts'
import { flag, invalid, latestMs, text, texts, whole } from './members.ts'
import { formatToken, parseToken } from './page-token.ts'
import { subscriptionFilterOperations } from './subscription-filters.ts'

/** Work of one call; what is left over is told by a token. */
const scanBytesPerCall = 8 * 1024 * 1024
/** Bytes of messages in one answer. CloudWatch Logs API reference: 1 MB. */
const answerBytes = 1024 * 1024

const arnOf = (context: LogsContext, group: string): string =>
  `arn:aws:logs:${context.region}:${context.accountId}:log-group:${group}`

async function groupAsked(context: LogsContext, input: Input): Promise<LogGroup> {
  const name = text(input, 'logGroupName')
  const identifier = text(input, 'logGroupIdentifier', 2_048)
  if ((name === undefined) === (identifier === undefined))
    throw invalid('Exactly one of logGroupName and logGroupIdentifier must be given.')
  const asked = name ?? nameOf(context, identifier ?? '')
  const group = await context.reader.group(context.accountId, asked)
  if (!group) throw new ServiceRefusal('ResourceNotFoundException', 'The specified log group does not exist.')
  return group
}

/** A name, or an ARN of this account. */
function nameOf(context: LogsContext, identifier: string): string {
  if (!identifier.startsWith('arn:')) return identifier
  const prefix = arnOf(context, '')
  if (!identifier.startsWith(prefix))
    throw new ServiceRefusal('ResourceNotFoundException', 'The specified log group does not exist.')
  return identifier.slice(prefix.length).replace(/:\*$/, '')
}

const describeLogGroups: LogsOperation = async (context, input) => {
  const prefix = text(input, 'logGroupNamePrefix') ?? ''
  const pattern = text(input, 'logGroupNamePattern')
  if (prefix !== '' && pattern !== undefined)
    throw invalid('logGroupNamePrefix and logGroupNamePattern are mutually exclusive.')
  const limit = whole(input, 'limit', 1, 50) ?? 50
  const question = ['groups', context.accountId, prefix, pattern ?? '']
  const token = text(input, 'nextToken', 2_048)
  const [from = 0] = token === undefined ? [] : parseToken(question, token, 1)
  const found = (await context.reader.groups(context.accountId)).filter(
    ({ name }) => name.startsWith(prefix) && name.includes(pattern ?? ''),
  )
  const page = found.slice(from, from + limit)
  return {
    logGroups: page.map(({ name }) => ({
      logGroupName: name,
      arn: `${arnOf(context, name)}:*`,
      logGroupArn: arnOf(context, name),
      metricFilterCount: 0,
      retentionInDays: 30,
      logGroupClass: 'STANDARD',
    })),
    ...(found.length > from + limit && { nextToken: formatToken(question, [from + limit]) }),
  }
}

const describeLogStreams: LogsOperation = async (context, input) => {
  const group = await groupAsked(context, input)
  const prefix = text(input, 'logStreamNamePrefix') ?? ''
  const orderBy = text(input, 'orderBy') ?? 'LogStreamName'
  if (orderBy !== 'LogStreamName' && orderBy !== 'LastEventTime')
    throw invalid(
      `1 validation error detected: Value '${orderBy}' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]`,
    )
  if (orderBy === 'LastEventTime' && prefix !== '')
    throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.')
  const descending = flag(input, 'descending')
  const limit = whole(input, 'limit', 1, 50) ?? 50
  const question = ['streams', context.accountId, group.name, prefix, orderBy, descending]
  const token = text(input, 'nextToken', 2_048)
  const [from = 0] = token === undefined ? [] : parseToken(question, token, 1)
  const streams = (await streamsOf(context, group)).filter((s) => s.logStreamName.startsWith(prefix))
  const sign = descending ? -1 : 1
  streams.sort((a, b) =>
    orderBy === 'LastEventTime'
      ? sign * (a.lastEventTimestamp - b.lastEventTimestamp)
      : sign * (a.logStreamName < b.logStreamName ? -1 : 1),
  )
  return {
    logStreams: streams.slice(from, from + limit),
    ...(streams.length > from + limit && { nextToken: formatToken(question, [from + limit]) }),
  }
}

async function streamsOf(context: LogsContext, group: LogGroup) {
  const streams = new Map<string, { first: number; last: number; stored: number }>()
  for await (const { events } of context.reader.read(context.accountId, group, { sequence: 1, index: 0 })) {
    for (const event of events) {
      const known = streams.get(event.logStream)
      streams.set(event.logStream, {
        first: Math.min(known?.first ?? event.atMs, event.atMs),
        last: Math.max(known?.last ?? event.atMs, event.atMs),
        stored: event.storedAtMs,
      })
    }
  }
  return [...streams].map(([logStreamName, { first, last, stored }]) => ({
    logStreamName,
    creationTime: first,
    firstEventTimestamp: first,
    lastEventTimestamp: last,
    lastIngestionTime: stored,
    arn: `${arnOf(context, group.name)}:log-stream:${logStreamName}`,
    storedBytes: 0,
  }))
}

const filterLogEvents: LogsOperation = async (context, input) => {
  const group = await groupAsked(context, input)
  const names = texts(input, 'logStreamNames', 100)
  const prefix = text(input, 'logStreamNamePrefix')
  if (names && prefix !== undefined) throw invalid('logStreamNames and logStreamNamePrefix are mutually exclusive.')
  const startMs = whole(input, 'startTime', 0, latestMs) ?? 0
  const endMs = whole(input, 'endTime', 0, latestMs) ?? latestMs
  const limit = whole(input, 'limit', 1, 10_000) ?? 10_000
  const pattern = text(input, 'filterPattern', 1_024)
  const matches = filterOf(pattern)
  const question = ['events', context.accountId, group.name, names ?? [], prefix ?? '', startMs, endMs, pattern ?? '']
  const token = text(input, 'nextToken', 2_048)
  const [sequence = 0, index = 0] = token === undefined ? [] : parseToken(question, token, 2)
  const from = token === undefined ? { timeMs: startMs } : { sequence, index }

  const wanted = (event: LogEvent): boolean =>
    event.atMs >= startMs &&
    event.atMs <= endMs &&
    (names?.includes(event.logStream) ?? true) &&
    event.logStream.startsWith(prefix ?? '') &&
    matches(event.message)
  const found: LogEvent[] = []
  let next: readonly number[] | undefined
  let scanned = 0
  let answered = 0
  scan: for await (const { events, bytes } of context.reader.read(context.accountId, group, from)) {
    for (const event of events) {
      // The place of an event that found no room is where the next page begins.
      if (found.length >= limit || answered > answerBytes || scanned > scanBytesPerCall) {
        next = [event.sequence, event.index]
        break scan
      }
      if (!wanted(event)) continue
      found.push(event)
      answered += event.message.length
    }
    scanned += bytes
  }
  return {
    events: found
      .sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence || a.index - b.index)
      .map((event) => ({
        logStreamName: event.logStream,
        timestamp: event.atMs,
        message: event.message,
        ingestionTime: event.storedAtMs,
        eventId: logEventId(event.sequence, event.index),
      })),
    searchedLogStreams: [],
    ...(next && { nextToken: formatToken(question, next) }),
  }
}

/** Line streams are named after the day on which they began, so older lines need not be read. */
function dayOf(logStream: string): number {
  const [, year, month, day] = /^(\d{4})\/(\d{2})\/(\d{2})\//.exec(logStream) ?? []
  const start = year === undefined ? Number.NaN : Date.UTC(Number(year), Number(month) - 1, Number(day))
  return Number.isNaN(start) ? 0 : Math.max(0, start)
}

const getLogEvents: LogsOperation = async (context, input) => {
  const group = await groupAsked(context, input)
  const logStream = text(input, 'logStreamName')
  if (logStream === undefined) throw invalid('logStreamName is required.')
  const startMs = whole(input, 'startTime', 0, latestMs) ?? 0
  const endMs = whole(input, 'endTime', 0, latestMs) ?? latestMs
  const limit = whole(input, 'limit', 1, 10_000) ?? 10_000
  const question = ['stream', context.accountId, group.name, logStream, startMs, endMs]
  const token = text(input, 'nextToken', 2_048)
  const forward = token?.startsWith('f/') ?? flag(input, 'startFromHead')
  const place = token === undefined ? undefined : parseToken(question, token, 2, forward ? 'f/' : 'b/')

  const all: LogEvent[] = []
  let exists = false
  const from = { timeMs: Math.max(startMs, dayOf(logStream)) }
  for await (const { events } of context.reader.read(context.accountId, group, from)) {
    for (const event of events) {
      if (event.logStream !== logStream) continue
      exists = true
      if (event.atMs >= startMs && event.atMs < endMs) all.push(event)
    }
  }
  if (!exists && startMs === 0)
    throw new ServiceRefusal('ResourceNotFoundException', 'The specified log stream does not exist.')
  const page = pageOf(all, forward, place, limit)
  const tokenAt = (prefix: string, event: LogEvent | undefined): string =>
    formatToken(question, event ? [event.sequence, event.index] : (place ?? [0, 0]), prefix)
  return {
    events: page.map((e) => ({ timestamp: e.atMs, message: e.message, ingestionTime: e.storedAtMs })),
    nextForwardToken: tokenAt('f/', page.at(-1)),
    nextBackwardToken: tokenAt('b/', page[0]),
  }
}

/** Tokens name the event at the edge of the page; the next page lies beyond it. Without one: from the head or the tail. */
function pageOf(all: readonly LogEvent[], forward: boolean, place: readonly number[] | undefined, limit: number) {
  const [sequence = 0, index = 0] = place ?? []
  const compare = (e: LogEvent): number => e.sequence - sequence || e.index - index
  if (forward) return fitting(place ? all.filter((e) => compare(e) > 0) : all).slice(0, limit)
  const before = place ? all.filter((e) => compare(e) < 0) : [...all]
  return fitting(before.reverse()).slice(0, limit).reverse()
}

/** As many as one answer may hold, at least one. */
function fitting(events: readonly LogEvent[]): LogEvent[] {
  let bytes = 0
  return events.filter((event, i) => {
    bytes += event.message.length
    return i === 0 || bytes <= answerBytes
  })
}

export const logsOperations: Readonly<Record<string, LogsOperation>> = {
  DescribeLogGroups: describeLogGroups,
  DescribeLogStreams: describeLogStreams,
  FilterLogEvents: filterLogEvents,
  GetLogEvents: getLogEvents,
  ...subscriptionFilterOperations,
}
