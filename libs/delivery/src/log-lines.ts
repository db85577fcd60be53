import { gzipSync } from 'node:zlib'
import type { LogBatch } from '@weft/contracts'

/** A line with the id that readers of the log know it by. */
export interface NumberedLine {
  readonly id: string
  readonly atMs: number
  readonly message: string
}

/** Ids grow in the order in which lines are stored: place of the message in the stream, place of the line in it. */
export const logEventId = (sequence: number, index: number): string =>
  `${String(sequence).padStart(20, '0')}${String(index).padStart(8, '0')}`

/** Reads the batches of a message, JSON lines. A line that is no batch is left out. */
export const readLogBatches = (data: Uint8Array): readonly LogBatch[] =>
  new TextDecoder()
    .decode(data)
    .split('\n')
    .filter((text) => text !== '')
    .flatMap((text) => batchOf(text) ?? [])

function batchOf(text: string): LogBatch | undefined {
  try {
    const batch = JSON.parse(text) as Partial<LogBatch> | null
    return Array.isArray(batch?.lines) ? (batch as LogBatch) : undefined
  } catch {
    return undefined
  }
}

/** The event of a function that a subscription filter calls. Lambda developer guide, "Using Lambda with CloudWatch Logs". */
export const logsEvent = (
  { accountId, logGroup, logStream }: Pick<LogBatch, 'accountId' | 'logGroup' | 'logStream'>,
  filterName: string,
  lines: readonly NumberedLine[],
) => {
  const message = {
    ...{ messageType: 'DATA_MESSAGE', owner: accountId, logGroup, logStream, subscriptionFilters: [filterName] },
    logEvents: lines.map(({ id, atMs, message }) => ({ id, timestamp: atMs, message })),
  }
  return { awslogs: { data: gzipSync(JSON.stringify(message)).toString('base64') } }
}
