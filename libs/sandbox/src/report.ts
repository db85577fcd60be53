/** The platform's own log lines, tab-separated as AWS writes them. Durations in ms, sizes in MB. */

export interface ReportFacts {
  readonly requestId: string
  /** "" or absent for none. */
  readonly tenantId?: string
  readonly durationMs: number
  /** 0: no initialisation was part of it. */
  readonly initMs: number
  /** With SnapStart: of the restoring ahead of it; absent: nothing was restored. */
  readonly restoreMs?: number | undefined
  readonly memoryMb: number
  readonly maxMemoryUsedMb: number
  /** "" for an invocation that ended in an answer of the function's own, error or not. */
  readonly status: '' | 'timeout' | 'error'
  /** "" unless the status is `error`. */
  readonly errorType: string
}

/** 1 ms steps, rounded up; initialisation is billed too (AWS since August 2025). */
export const billedMs = (durationMs: number, initMs: number): number => Math.ceil(durationMs + initMs)

export const initStartLine = (runtimeVersion: string, runtimeVersionArn: string): string =>
  `INIT_START Runtime Version: ${runtimeVersion}\tRuntime Version ARN: ${runtimeVersionArn}`

export const initReportLine = (initMs: number, phase: 'init' | 'invoke', status: string, errorType: string): string =>
  `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}${ending(status, errorType)}`

export const restoreStartLine = (runtimeVersion: string, runtimeVersionArn: string): string =>
  `RESTORE_START Runtime Version: ${runtimeVersion}\tRuntime Version ARN: ${runtimeVersionArn}`

export const restoreReportLine = (restoreMs: number, status: string, errorType: string): string =>
  `RESTORE_REPORT Restore Duration: ${restoreMs.toFixed(2)} ms${ending(status, errorType)}`

const ending = (status: string, errorType: string): string =>
  status === 'success' ? '' : `\tStatus: ${status}${errorType && `\tError Type: ${errorType}`}`

export const startLine = (requestId: string, version: string): string =>
  `START RequestId: ${requestId} Version: ${version}`

export const endLine = (requestId: string): string => `END RequestId: ${requestId}`

export function reportLine(facts: ReportFacts): string {
  const parts = [
    `REPORT RequestId: ${facts.requestId}`,
    `Duration: ${facts.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${billedMs(facts.durationMs, facts.initMs)} ms`,
    `Memory Size: ${facts.memoryMb} MB`,
    `Max Memory Used: ${facts.maxMemoryUsedMb} MB`,
  ]
  if (facts.initMs > 0) parts.push(`Init Duration: ${facts.initMs.toFixed(2)} ms`)
  if (facts.restoreMs !== undefined) {
    parts.push(`Restore Duration: ${facts.restoreMs.toFixed(2)} ms`)
    parts.push(`Billed Restore Duration: ${Math.ceil(facts.restoreMs)} ms`)
  }
  if (facts.status !== '') parts.push(`Status: ${facts.status}`)
  if (facts.errorType !== '') parts.push(`Error Type: ${facts.errorType}`)
  return parts.join('\t')
}

/** Newlines end a log event; what a function put into an error type must not forge one. */
export const oneLine = (text: string): string => text.replace(/[\r\n\t]+/g, ' ')
