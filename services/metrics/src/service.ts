import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FabricRecord, subjects } from '@weft/contracts'
import type { DocumentStore, StoredMessage, StreamReader } from '@weft/nats'
import { type Clock, delay, type Logger, type Service, stopInOrder } from '@weft/platform'
import type { LatestCapacity } from './capacity.ts'
import type { MetricsConfig } from './config.ts'
import { type RecordMessage, RollupLedger } from './ledger.ts'
import { RecentRequests } from './lookup.ts'
import { family, renderFunctions } from './prometheus.ts'
import { parseBatch } from './records.ts'
import { rollupStore } from './rollup-store.ts'

export interface MetricsDeps {
  /** The record stream. */
  readonly records: StreamReader
  /** Where rollups are kept. */
  readonly documents: DocumentStore
  /** What placement tells of workers and of concurrency. */
  readonly capacity: Pick<LatestCapacity, 'page'>
  readonly clock: Clock
  readonly log: Logger
}

export interface MetricsService extends Service {
  /** The page for Prometheus. */
  page(): string
  /** What is known of a request: attempts, refusals, end. Older ones are looked for in the stream. */
  find(requestId: string): Promise<readonly FabricRecord[]>
  /** Answers `GET /invocations/<request id>` with JSON; 404 for all else. For operators: it knows no accounts. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Resolves when all that was in the stream at the call has been counted. */
  caughtUp(): Promise<void>
}

const retryMs = 1_000
const stopMs = 10_000

/**
 * Counts the records of all invocations. It reads the stream in order from the stored position, without a durable
 * consumer: the position lies beside the rollups it belongs to, so both survive a restart together, and a second
 * instance that reads the same changes nothing (see RollupLedger).
 */
export async function startMetrics(config: MetricsConfig, deps: MetricsDeps): Promise<MetricsService> {
  const { records, clock, log } = deps
  const ledger = new RollupLedger(rollupStore(deps.documents), config.maxFunctions)
  const recent = new RecentRequests(config.recentRequests)
  const stop = new AbortController()
  const waiters = new Set<{ readonly through: number; readonly resolve: () => void }>()
  let problem: string | undefined = 'the records have not been read yet'
  let flushProblem: string | undefined
  let counted = 0
  let behind = 0
  let malformed = 0

  const position = await ledger.resume()

  const take = async (stream: string, stored: StoredMessage): Promise<void> => {
    const message = readMessage(stream, stored)
    malformed += message.malformed
    for (const record of message.records) recent.add(record)
    await ledger.add(message)
    counted = stored.sequence
    behind = stored.pending
    problem = undefined
    settle()
  }
  const settle = (): void => {
    for (const waiter of [...waiters]) {
      if (waiter.through > counted && !stop.signal.aborted) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }
  /** One reading of the stream, until it breaks or the service stops. */
  const follow = async (): Promise<void> => {
    const { createdAt, firstSequence, lastSequence } = await records.state()
    const known = counted || (position?.stream === createdAt ? position.through : 0)
    // Messages that were counted before are read again for the lookup and counted no second time.
    const from = counted > 0 ? counted + 1 : Math.max(1, firstSequence, known + 1 - config.replayMessages)
    if (lastSequence < from) {
      counted = Math.max(counted, lastSequence)
      problem = undefined
      settle()
    }
    const options = { filter: subjects.recordAll, fromSequence: from, signal: stop.signal }
    for await (const stored of records.follow(options)) await take(createdAt, stored)
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await follow()
      } catch (error) {
        problem = `the records cannot be read: ${error instanceof Error ? error.message : error}`
        log.warn({ err: error }, problem)
      }
      await delay(clock, retryMs, stop.signal)
    }
  }
  const flush = async (): Promise<void> => {
    try {
      await ledger.flush()
      flushProblem = undefined
    } catch (error) {
      flushProblem = `rollups cannot be stored: ${error instanceof Error ? error.message : error}`
      log.warn({ err: error }, flushProblem)
    }
  }
  const flushing = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await delay(clock, config.flushMs, stop.signal)
      await flush()
    }
  }
  const running = run()
  const storing = flushing()

  const find = async (requestId: string): Promise<readonly FabricRecord[]> =>
    recent.find(requestId) ?? searchStream(records, requestId, config.lookupMessages)

  return {
    name: 'metrics',
    problems: () => [problem, flushProblem].filter((one) => one !== undefined),
    page: () =>
      renderFunctions(ledger.totals) +
      deps.capacity.page() +
      family('weft_metrics_behind_messages', 'gauge', 'Record messages not counted yet.', [
        { labels: {}, value: behind },
      ]) +
      family('weft_metrics_malformed_records_total', 'counter', 'Lines that were no records, since the start.', [
        { labels: {}, value: malformed },
      ]),
    find,
    handle(request, response) {
      answerLookup(request, response, find).catch((error: unknown) => {
        log.error({ err: error }, 'a lookup failed')
        send(response, 503, { message: 'The records cannot be read.' })
      })
    },
    async caughtUp() {
      const { lastSequence } = await records.state()
      await new Promise<void>((resolve) => {
        waiters.add({ through: lastSequence, resolve })
        settle()
      })
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      settle()
      await stopInOrder(
        clock,
        stopMs,
        [
          { name: 'stop reading', run: () => running },
          { name: 'store what was counted', run: () => storing },
        ],
        (step, error) => log.warn({ err: error, step }, 'stop: step not clean'),
      )
    },
  }
}

/** Lines that name another function than the subject are not counted: a subject is what its writer was allowed. */
function readMessage(stream: string, stored: StoredMessage): RecordMessage & { readonly malformed: number } {
  const [, , accountId = '', functionName = ''] = stored.subject.split('.')
  const batch = parseBatch(new TextDecoder().decode(stored.data))
  const records = batch.records.filter((r) => r.accountId === accountId && r.functionName === functionName)
  const malformed = batch.malformed + batch.records.length - records.length
  return { stream, sequence: stored.sequence, accountId, functionName, records, malformed }
}

async function searchStream(records: StreamReader, requestId: string, most: number): Promise<readonly FabricRecord[]> {
  const found: FabricRecord[] = []
  const { firstSequence, lastSequence } = await records.state()
  const from = { sequence: Math.max(firstSequence, lastSequence - most) }
  for await (const stored of records.scan({ filter: subjects.recordAll, from }))
    found.push(...readMessage('', stored).records.filter((record) => record.requestId === requestId))
  return found
}

const send = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

async function answerLookup(
  request: IncomingMessage,
  response: ServerResponse,
  find: (requestId: string) => Promise<readonly FabricRecord[]>,
): Promise<void> {
  const [, requestId] = /^\/invocations\/([0-9a-f-]{36})$/.exec(request.url ?? '') ?? []
  if (requestId === undefined) return send(response, 404, { message: 'Not found.' })
  if (request.method !== 'GET') return send(response, 405, { message: 'Method not allowed.' })
  const records = await find(requestId)
  if (records.length === 0) return send(response, 404, { message: 'No record of this request.' })
  send(response, 200, { requestId, records })
}
