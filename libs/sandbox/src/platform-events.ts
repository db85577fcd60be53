/** What the platform tells of an environment, in the names and shapes of the Telemetry API (schema 2022-12-13). */
import type { Extension } from './extensions-api.ts'
import { billedMs, type ReportFacts } from './report.ts'
import type { TelemetryType } from './telemetry-subscription.ts'

export interface TelemetryEvent {
  /** ISO 8601, UTC. */
  readonly time: string
  /** `platform.…`, `function` or `extension`. */
  readonly type: string
  readonly record: unknown
}

/** Of what an initialisation is part: of nothing, or of an invocation. */
export type InitPhase = 'init' | 'invoke'
export type DoneStatus = 'success' | 'failure' | 'error' | 'timeout'

export type InitializationType = 'on-demand' | 'provisioned-concurrency' | 'snap-start'

export interface InitFacts {
  readonly initializationType: InitializationType
  readonly functionName: string
  readonly functionVersion: string
  readonly runtimeVersion: string
  readonly runtimeVersionArn: string
  readonly instanceId: string
  readonly instanceMaxMemoryBytes: number
}

/** How an initialisation, or the runtime's part of it, ended. */
export interface PhaseFacts {
  readonly initializationType: InitializationType
  readonly status: DoneStatus
  /** "" when there was none. */
  readonly errorType: string
}

export interface TimedPhaseFacts extends PhaseFacts {
  readonly durationMs: number
}

/** How the restoring of an environment with SnapStart ended. */
export type RestoreFacts = Omit<TimedPhaseFacts, 'initializationType'>

/** What an invocation ended in, as far as the runtime knows. */
export interface DoneFacts {
  readonly requestId: string
  readonly tenantId?: string
  readonly status: DoneStatus
  readonly errorType: string
  readonly durationMs: number
  readonly producedBytes: number
}

/** Whose invocation it is, of a function that keeps tenants apart; "": none. */
const tenant = (tenantId = '') => (tenantId === '' ? {} : { tenantId })

const event = (atMs: number, type: string, record: unknown): TelemetryEvent => ({
  time: new Date(atMs).toISOString(),
  type,
  record,
})
const platform = (atMs: number, type: string, record: object): TelemetryEvent => event(atMs, `platform.${type}`, record)
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000
const named = (errorType: string) => (errorType === '' ? {} : { errorType })

const phaseRecord = ({ initializationType, status, errorType }: PhaseFacts) => ({
  ...{ initializationType, status },
  ...named(errorType),
})

export const platformEvents = {
  initStart: (atMs: number, phase: InitPhase, facts: InitFacts): TelemetryEvent =>
    platform(atMs, 'initStart', {
      ...{ initializationType: facts.initializationType, phase },
      ...{ runtimeVersion: facts.runtimeVersion, runtimeVersionArn: facts.runtimeVersionArn },
      ...{ functionName: facts.functionName, functionVersion: facts.functionVersion },
      ...{ instanceId: facts.instanceId, instanceMaxMemory: facts.instanceMaxMemoryBytes },
    }),
  initRuntimeDone: (atMs: number, phase: InitPhase, facts: PhaseFacts): TelemetryEvent =>
    platform(atMs, 'initRuntimeDone', { phase, ...phaseRecord(facts) }),
  initReport: (atMs: number, phase: InitPhase, facts: TimedPhaseFacts): TelemetryEvent =>
    platform(atMs, 'initReport', { phase, ...phaseRecord(facts), metrics: { durationMs: rounded(facts.durationMs) } }),
  restoreStart: (atMs: number, facts: InitFacts): TelemetryEvent =>
    platform(atMs, 'restoreStart', {
      ...{ runtimeVersion: facts.runtimeVersion, runtimeVersionArn: facts.runtimeVersionArn },
      ...{ functionName: facts.functionName, functionVersion: facts.functionVersion },
      ...{ instanceId: facts.instanceId, instanceMaxMemory: facts.instanceMaxMemoryBytes },
    }),
  restoreRuntimeDone: (atMs: number, { status, errorType }: RestoreFacts): TelemetryEvent =>
    platform(atMs, 'restoreRuntimeDone', { status, ...named(errorType) }),
  restoreReport: (atMs: number, { status, errorType, durationMs }: RestoreFacts): TelemetryEvent =>
    platform(atMs, 'restoreReport', { status, ...named(errorType), metrics: { durationMs: rounded(durationMs) } }),
  start: (atMs: number, requestId: string, version: string, tenantId?: string): TelemetryEvent =>
    platform(atMs, 'start', { requestId, version, ...tenant(tenantId) }),
  runtimeDone: (atMs: number, facts: DoneFacts): TelemetryEvent =>
    platform(atMs, 'runtimeDone', {
      ...tenant(facts.tenantId),
      ...{ requestId: facts.requestId, status: facts.status, ...named(facts.errorType) },
      metrics: { durationMs: rounded(facts.durationMs), producedBytes: facts.producedBytes },
    }),
  report: (atMs: number, facts: ReportFacts): TelemetryEvent =>
    platform(atMs, 'report', {
      requestId: facts.requestId,
      metrics: {
        durationMs: rounded(facts.durationMs),
        billedDurationMs: billedMs(facts.durationMs, facts.initMs),
        memorySizeMB: facts.memoryMb,
        maxMemoryUsedMB: facts.maxMemoryUsedMb,
        ...(facts.initMs > 0 && { initDurationMs: rounded(facts.initMs) }),
        ...(facts.restoreMs !== undefined && {
          restoreDurationMs: rounded(facts.restoreMs),
          billedRestoreDurationMs: Math.ceil(facts.restoreMs),
        }),
      },
      status: facts.status === '' ? 'success' : facts.status,
      ...named(facts.errorType),
      ...tenant(facts.tenantId),
    }),
  extension: (atMs: number, { name, events, errorType, state }: Omit<Extension, 'id' | 'external'>): TelemetryEvent =>
    platform(atMs, 'extension', { name, state: extensionState(state), events, ...named(errorType) }),
  telemetrySubscription: (atMs: number, name: string, types: readonly TelemetryType[]): TelemetryEvent =>
    platform(atMs, 'telemetrySubscription', { name, state: 'Subscribed', types }),
  logsDropped: (atMs: number, droppedRecords: number, droppedBytes: number): TelemetryEvent =>
    platform(atMs, 'logsDropped', {
      reason: 'Consumer seems to have fallen behind as it has not acknowledged receipt of logs.',
      ...{ droppedRecords, droppedBytes },
    }),
  /** A line that the function or an extension wrote; one of a function that logs in JSON is told as the object it is. */
  line: (atMs: number, from: 'function' | 'extension', line: string, json: boolean): TelemetryEvent =>
    event(atMs, from, (json && from === 'function' ? objectOf(line) : undefined) ?? line),
} as const

const extensionState = (state: Extension['state']): string =>
  ({ launched: 'Started', registered: 'Registered', failed: 'InitError', exited: 'Exited' })[state as string] ?? 'Ready'

/** Whether a subscriber of that type wants the event. */
export const typeOf = ({ type }: TelemetryEvent): TelemetryType =>
  type === 'function' || type === 'extension' ? type : 'platform'

/** The same as the Logs API told it, which knows less; undefined for what it does not know. */
export function forLogsApi(told: TelemetryEvent, schemaVersion: string): TelemetryEvent | undefined {
  const record = told.record as Readonly<Record<string, unknown>>
  switch (told.type) {
    case 'platform.runtimeDone':
      if (schemaVersion < '2021-03-18') return undefined
      return { ...told, record: { requestId: record.requestId, status: record.status } }
    case 'platform.report':
      return { ...told, record: { requestId: record.requestId, metrics: record.metrics } }
    case 'platform.telemetrySubscription':
      return { ...told, type: 'platform.logsSubscription' }
    case 'platform.initStart':
    case 'platform.initRuntimeDone':
    case 'platform.initReport':
    case 'platform.restoreStart':
    case 'platform.restoreRuntimeDone':
    case 'platform.restoreReport':
      return undefined
    default:
      return told
  }
}

function objectOf(line: string): object | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as object
  } catch {
    // A function may print what it likes.
    return undefined
  }
}
