import { randomUUID } from 'node:crypto'
import { JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream'
import { type FabricRecord, type FactSink, type LogBatch, subjects } from '@weft/contracts'
import { type Clock, delay, type Logger, systemClock } from '@weft/platform'
import type { NatsLink } from './link.ts'

export interface FactSinkOptions {
  readonly log: Logger
  readonly clock?: Clock
  /** How long facts gather before they are sent, ms; 50 by default. */
  readonly lingerMs?: number
  /** Facts that may wait, bytes of JSON; 64 MB by default: minutes of a busy worker. */
  readonly bufferBytes?: number
}

/** What the sink needs of a link. */
export interface FactLink extends Pick<NatsLink, 'problems'> {
  readonly js: Pick<JetStreamClient, 'publish'>
}

export interface NatsFactSink extends FactSink, AsyncDisposable {
  /** Facts lost since the start because the buffer was full. */
  dropped(): number
  problems(): readonly string[]
}

/** A message must be small beside the server's limit, and large enough that a flood travels in few of them. */
const messageBytes = 256 * 1024
const retryMs = 500

interface Lines {
  readonly texts: string[]
  bytes: number
}

/**
 * Sends facts as JSON lines, one message per function and moment. Every message has an id and is sent again under the
 * same id until it is acknowledged, so a record is neither lost nor counted twice while the server is away.
 */
export function openFactSink(link: FactLink, options: FactSinkOptions): NatsFactSink {
  const clock = options.clock ?? systemClock
  const lingerMs = options.lingerMs ?? 50
  const bufferBytes = options.bufferBytes ?? 64 * 1024 * 1024
  const instance = randomUUID()
  const waiting = new Map<string, Lines>()
  const stop = new AbortController()
  let buffered = 0
  let dropped = 0
  let toldOfDrops = 0
  let messages = 0
  let problem: string | undefined
  let timer: { cancel(): void } | undefined
  let sending: Promise<void> | undefined

  const put = (subject: string, fact: object): void => {
    const text = JSON.stringify(fact)
    const bytes = Buffer.byteLength(text) + 1
    if (buffered + bytes > bufferBytes) {
      dropped++
      return
    }
    buffered += bytes
    const lines = waiting.get(subject) ?? { texts: [], bytes: 0 }
    waiting.set(subject, lines)
    lines.texts.push(text)
    lines.bytes += bytes
    sendLater()
  }
  const sendLater = (): void => {
    if (!sending) timer ??= clock.schedule(lingerMs, () => void send())
  }

  const sendSubject = async (subject: string, lines: Lines): Promise<void> => {
    for (const texts of cut(lines.texts)) {
      const body = `${texts.join('\n')}\n`
      await publish(subject, body, `${instance}-${++messages}`)
      buffered -= Buffer.byteLength(body)
    }
  }
  const publish = async (subject: string, body: string, msgID: string): Promise<void> => {
    for (;;) {
      try {
        await link.js.publish(subject, body, { msgID })
        problem = undefined
        return
      } catch (error) {
        problem = `records and logs cannot be stored: ${error instanceof Error ? error.message : error}`
        options.log.warn({ err: error, subject }, problem)
        // Refused for good: sending the same again would hold up everything behind it.
        if (error instanceof JetStreamApiError && error.code === messageTooLarge) {
          dropped++
          return
        }
        if (stop.signal.aborted) {
          dropped++
          return
        }
        await delay(clock, retryMs, stop.signal)
      }
    }
  }
  /**
   * One round at a time; what comes meanwhile gathers for the next, for as long as before the first: every message costs
   * the store a write to the disk. Subjects go side by side, each in its own order.
   */
  const send = (): Promise<void> => {
    sending ??= (async () => {
      timer?.cancel()
      timer = undefined
      const batch = [...waiting]
      waiting.clear()
      await Promise.all(batch.map(([subject, lines]) => sendSubject(subject, lines)))
      if (dropped > toldOfDrops) {
        options.log.error({ dropped: dropped - toldOfDrops }, 'facts were dropped because too many were waiting')
        toldOfDrops = dropped
      }
      sending = undefined
      if (waiting.size > 0) sendLater()
    })()
    return sending
  }
  /** What has been handed over until now. */
  const sendAll = async (): Promise<void> => {
    await sending
    await send()
  }
  return {
    record: (record: FabricRecord) => put(subjects.record(record.accountId, record.functionName), record),
    log: (batch: LogBatch) => put(subjects.log(batch.accountId, batch.functionName), batch),
    flush: sendAll,
    dropped: () => dropped,
    problems: () => [
      ...(problem === undefined ? [] : [problem]),
      ...(dropped > 0 ? [`${dropped} records or log batches were dropped since the start`] : []),
    ],
    async [Symbol.asyncDispose]() {
      // With the server gone the rest cannot be sent; with it there, this sends it.
      if (link.problems().length > 0) stop.abort()
      do await sendAll()
      while (waiting.size > 0)
      timer?.cancel()
    },
  }
}

const messageTooLarge = 10054

function* cut(texts: readonly string[]): Generator<string[]> {
  let part: string[] = []
  let bytes = 0
  for (const text of texts) {
    const size = Buffer.byteLength(text) + 1
    if (part.length > 0 && bytes + size > messageBytes) {
      yield part
      part = []
      bytes = 0
    }
    part.push(text)
    bytes += size
  }
  if (part.length > 0) yield part
}
