/** What is told of an invocation once it is over: its last log lines, its log and its record. */
import { createHash } from 'node:crypto'
import {
  accountId,
  type FabricRecord,
  functionName,
  type InvocationRecord,
  type InvocationSourceName,
  type LeaseOrigin as LeaseOriginName,
  type LogBatch,
  type LogLine,
} from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { InvocationSource, LeaseOrigin, type RunInvocation } from '@weft/contracts/worker'
import { billedMs, type InvocationLog, oneLine, type RunOutcome } from '@weft/sandbox'

export interface RunFacts {
  readonly invocation: RunInvocation
  readonly startedAtMs: number
  readonly log: InvocationLog
}

const logBatchBytes = 200 * 1024

/** `YYYY/MM/DD/[VERSION]` and 32 hex digits. */
export function logStreamName(nowMs: number, version: string, sandboxId: string): string {
  const hex = /^[0-9a-f]{32}$/.test(sandboxId)
    ? sandboxId
    : createHash('sha256').update(sandboxId).digest('hex').slice(0, 32)
  return `${new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/')}/[${version}]${hex}`
}

/** The log, cut into batches that travel well. */
export function* logBatches(
  requestId: string,
  log: InvocationLog,
  spec: SandboxSpec,
  logStream: string,
): Generator<LogBatch> {
  const head = {
    accountId: accountId(spec.accountId),
    functionName: functionName(spec.functionName),
    logGroup: spec.logGroup,
    logStream,
    requestId,
  }
  let lines: LogLine[] = []
  let bytes = 0
  for (const line of log.lines()) {
    if (lines.length > 0 && bytes + line.message.length > logBatchBytes) {
      yield { ...head, lines }
      lines = []
      bytes = 0
    }
    lines.push(line)
    bytes += line.message.length
  }
  if (lines.length > 0) yield { ...head, lines }
}

const sourceNames: Readonly<Record<number, InvocationSourceName>> = {
  [InvocationSource.INVOCATION_SOURCE_SYNC]: 'sync',
  [InvocationSource.INVOCATION_SOURCE_EVENT]: 'event',
  [InvocationSource.INVOCATION_SOURCE_MAPPING]: 'mapping',
}

const origins: Readonly<Record<number, LeaseOriginName>> = {
  [LeaseOrigin.LEASE_ORIGIN_HELD]: 'held',
  [LeaseOrigin.LEASE_ORIGIN_REUSED]: 'reused',
  [LeaseOrigin.LEASE_ORIGIN_GRANTED]: 'granted',
  [LeaseOrigin.LEASE_ORIGIN_STARTED]: 'started',
}

/** A dispatcher that does not know of them yet tells nothing. */
function originOf({ queuedMs, leaseOrigin }: RunInvocation): Pick<InvocationRecord, 'queuedMs' | 'leaseOrigin'> {
  const origin = origins[leaseOrigin]
  return origin === undefined ? {} : { queuedMs, leaseOrigin: origin }
}

export function invocationRecord(
  { invocation, startedAtMs }: RunFacts,
  spec: SandboxSpec,
  outcome: RunOutcome,
  more: {
    readonly workerId: string
    readonly sandboxId: string
    readonly maxMemoryUsedMb: number
    readonly coldStart: boolean
  },
): FabricRecord {
  return {
    type: 'invocation',
    ...more,
    requestId: invocation.requestId,
    accountId: accountId(spec.accountId),
    functionName: functionName(spec.functionName),
    version: spec.version,
    source: sourceNames[invocation.source] ?? 'sync',
    attempt: invocation.attempt,
    startedAtMs,
    acceptedAtMs: invocation.acceptedAtMs,
    durationMs: outcome.durationMs,
    billedDurationMs: billedMs(outcome.durationMs, outcome.initMs) + Math.ceil(outcome.restoreMs ?? 0),
    initDurationMs: outcome.initMs,
    ...(outcome.restoreMs !== undefined && { restoreDurationMs: outcome.restoreMs }),
    memoryMb: spec.memoryMb,
    status: outcome.status === 'platform-failure' ? 'failure' : outcome.status,
    errorType: oneLine(outcome.errorType),
    requestBytes: invocation.payload.length,
    responseBytes: outcome.streamedBytes ?? outcome.payload.length,
    ...originOf(invocation),
  }
}
