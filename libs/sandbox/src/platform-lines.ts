/** The platform's own log lines in the format that a function chose; JSON as the Telemetry API names and shapes them. */
import { billedMs, endLine, initReportLine, initStartLine, type ReportFacts, reportLine, startLine } from './report.ts'

export interface PlatformLines {
  initStart(atMs: number, runtime: string, region: string): string
  initReport(atMs: number, initMs: number, status: 'timeout' | 'error', errorType: string): string
  start(atMs: number, requestId: string, version: string): string
  /** Undefined where the format has none at the default level. */
  end(requestId: string): string | undefined
  report(atMs: number, facts: ReportFacts): string
}

const text: PlatformLines = {
  initStart: (_, runtime, region) => initStartLine(runtime, region),
  initReport: (_, initMs, status, errorType) => initReportLine(initMs, status, errorType),
  start: (_, requestId, version) => startLine(requestId, version),
  end: endLine,
  report: (_, facts) => reportLine(facts),
}

const line = (atMs: number, type: string, record: object): string =>
  JSON.stringify({ time: new Date(atMs).toISOString(), type: `platform.${type}`, record })
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000
const init = { initializationType: 'on-demand', phase: 'init' }

const json: PlatformLines = {
  initStart: (atMs, runtime, region) =>
    line(atMs, 'initStart', {
      ...init,
      runtimeVersion: runtime,
      runtimeVersionArn: `arn:aws:lambda:${region}::runtime:${runtime}`,
    }),
  initReport: (atMs, initMs, status, errorType) =>
    line(atMs, 'initReport', {
      ...init,
      status,
      ...(errorType !== '' && { errorType }),
      metrics: { durationMs: rounded(initMs) },
    }),
  start: (atMs, requestId, version) => line(atMs, 'start', { requestId, version }),
  // platform.runtimeDone has level DEBUG.
  end: () => undefined,
  report: (atMs, facts) =>
    line(atMs, 'report', {
      requestId: facts.requestId,
      metrics: {
        durationMs: rounded(facts.durationMs),
        billedDurationMs: billedMs(facts.durationMs, facts.initMs),
        memorySizeMB: facts.memoryMb,
        maxMemoryUsedMB: facts.maxMemoryUsedMb,
        ...(facts.initMs > 0 && { initDurationMs: rounded(facts.initMs) }),
      },
      status: facts.status === '' ? 'success' : facts.status,
      ...(facts.errorType !== '' && { errorType: facts.errorType }),
    }),
}

/** `logFormat` as configured, "Text" or "JSON". */
export const platformLines = (logFormat: string): PlatformLines => (logFormat === 'JSON' ? json : text)
