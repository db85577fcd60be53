/** The platform's own log lines in the format that a function chose; JSON as the Telemetry API names and shapes them. */
import type { Extension } from './extensions-api.ts'
import { type InitFacts, type InitPhase, platformEvents } from './platform-events.ts'
import { endLine, initReportLine, initStartLine, type ReportFacts, reportLine, startLine } from './report.ts'
import type { TelemetryType } from './telemetry-subscription.ts'

export interface PlatformLines {
  initStart(atMs: number, phase: InitPhase, facts: InitFacts): string
  initReport(atMs: number, phase: InitPhase, initMs: number, status: 'timeout' | 'error', errorType: string): string
  start(atMs: number, requestId: string, version: string): string
  /** Undefined where the format has none at the default level. */
  end(requestId: string): string | undefined
  report(atMs: number, facts: ReportFacts): string
  extension(atMs: number, extension: Extension): string
  subscription(atMs: number, api: 'telemetry' | 'logs', name: string, types: readonly TelemetryType[]): string
}

const capital = (word: string): string => `${word.charAt(0).toUpperCase()}${word.slice(1)}`

const text: PlatformLines = {
  initStart: (_, __, { runtimeVersion, runtimeVersionArn }) => initStartLine(runtimeVersion, runtimeVersionArn),
  initReport: (_, phase, initMs, status, errorType) => initReportLine(initMs, phase, status, errorType),
  start: (_, requestId, version) => startLine(requestId, version),
  end: endLine,
  report: (_, facts) => reportLine(facts),
  extension: (_, { name, events }) => `EXTENSION\tName: ${name}\tState: Ready\tEvents: [${events.join(', ')}]`,
  subscription: (_, api, name, types) =>
    `${api.toUpperCase()}\tName: ${name}\tState: Subscribed\tTypes: [${types.map(capital).join(', ')}]`,
}

const json: PlatformLines = {
  initStart: (...facts) => JSON.stringify(platformEvents.initStart(...facts)),
  initReport: (...facts) => JSON.stringify(platformEvents.initReport(...facts)),
  start: (...facts) => JSON.stringify(platformEvents.start(...facts)),
  // platform.runtimeDone has level DEBUG.
  end: () => undefined,
  report: (...facts) => JSON.stringify(platformEvents.report(...facts)),
  extension: (...facts) => JSON.stringify(platformEvents.extension(...facts)),
  subscription: (atMs, _, name, types) => JSON.stringify(platformEvents.telemetrySubscription(atMs, name, types)),
}

/** `logFormat` as configured, "Text" or "JSON". */
export const platformLines = (logFormat: string): PlatformLines => (logFormat === 'JSON' ? json : text)
