/** The platform's own log lines in the format that a function chose; JSON as the Telemetry API names and shapes them. */
import type { Extension } from './extensions-api.ts'
import {
  type DoneFacts,
  type InitFacts,
  type InitPhase,
  type PhaseFacts,
  platformEvents,
  type RestoreFacts,
  type TelemetryEvent,
  type TimedPhaseFacts,
} from './platform-events.ts'
import {
  endLine,
  initReportLine,
  initStartLine,
  type ReportFacts,
  reportLine,
  restoreReportLine,
  restoreStartLine,
  startLine,
} from './report.ts'
import { isLogged } from './system-log-level.ts'
import type { TelemetryType } from './telemetry-subscription.ts'

/** Undefined where the format has no such line, or none at the level that the function chose. */
type Line = string | undefined

export interface PlatformLines {
  initStart(atMs: number, phase: InitPhase, facts: InitFacts): Line
  initRuntimeDone(atMs: number, phase: InitPhase, facts: PhaseFacts): Line
  initReport(atMs: number, phase: InitPhase, facts: TimedPhaseFacts): Line
  restoreStart(atMs: number, facts: InitFacts): Line
  restoreRuntimeDone(atMs: number, facts: RestoreFacts): Line
  restoreReport(atMs: number, facts: RestoreFacts): Line
  /** `tenantId`: "" or absent for none. */
  start(atMs: number, requestId: string, version: string, tenantId?: string): Line
  runtimeDone(atMs: number, facts: DoneFacts): Line
  end(requestId: string): Line
  report(atMs: number, facts: ReportFacts): Line
  extension(atMs: number, extension: Extension): Line
  subscription(atMs: number, api: 'telemetry' | 'logs', name: string, types: readonly TelemetryType[]): Line
}

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`

const text: PlatformLines = {
  initStart: (_, __, { runtimeVersion, runtimeVersionArn }) => initStartLine(runtimeVersion, runtimeVersionArn),
  initRuntimeDone: () => undefined,
  // Of an initialisation that a call waits for, the REPORT line tells unless it fails.
  initReport: (_, phase, { initializationType, durationMs, status, errorType }) =>
    status === 'success' && initializationType === 'on-demand'
      ? undefined
      : initReportLine(durationMs, phase, status, errorType),
  restoreStart: (_, { runtimeVersion, runtimeVersionArn }) => restoreStartLine(runtimeVersion, runtimeVersionArn),
  restoreRuntimeDone: () => undefined,
  restoreReport: (_, { durationMs, status, errorType }) => restoreReportLine(durationMs, status, errorType),
  start: (_, requestId, version) => startLine(requestId, version),
  runtimeDone: () => undefined,
  end: endLine,
  report: (_, facts) => reportLine(facts),
  extension: (_, { name, events }) => `EXTENSION\tName: ${name}\tState: Ready\tEvents: [${events.join(', ')}]`,
  subscription: (_, api, name, types) =>
    `${api.toUpperCase()}\tName: ${name}\tState: Subscribed\tTypes: [${types.map(capital).join(', ')}]`,
}

function json(least: string): PlatformLines {
  const told = (event: TelemetryEvent): Line => (isLogged(event, least) ? JSON.stringify(event) : undefined)
  return {
    initStart: (...facts) => told(platformEvents.initStart(...facts)),
    initRuntimeDone: (...facts) => told(platformEvents.initRuntimeDone(...facts)),
    restoreStart: (...facts) => told(platformEvents.restoreStart(...facts)),
    restoreRuntimeDone: (...facts) => told(platformEvents.restoreRuntimeDone(...facts)),
    restoreReport: (...facts) => told(platformEvents.restoreReport(...facts)),
    initReport: (...facts) => told(platformEvents.initReport(...facts)),
    start: (...facts) => told(platformEvents.start(...facts)),
    runtimeDone: (...facts) => told(platformEvents.runtimeDone(...facts)),
    end: () => undefined,
    report: (...facts) => told(platformEvents.report(...facts)),
    extension: (...facts) => told(platformEvents.extension(...facts)),
    subscription: (atMs, _, name, types) => told(platformEvents.telemetrySubscription(atMs, name, types)),
  }
}

/** `logFormat` as configured, "Text" or "JSON"; `systemLogLevel` is the least that is logged in JSON. */
export const platformLines = (logFormat: string, systemLogLevel = 'INFO'): PlatformLines =>
  logFormat === 'JSON' ? json(systemLogLevel) : text
