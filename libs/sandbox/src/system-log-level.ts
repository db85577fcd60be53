import type { TelemetryEvent } from './platform-events.ts'

export type SystemLogLevel = 'DEBUG' | 'INFO' | 'WARN'

const rank: Readonly<Record<SystemLogLevel, number>> = { DEBUG: 0, INFO: 1, WARN: 2 }

/** Events that are told of at DEBUG while all is well. Developer guide, monitoring-cloudwatchlogs-log-level. */
const detailed: ReadonlySet<string> = new Set([
  'platform.initRuntimeDone',
  'platform.initReport',
  'platform.runtimeDone',
])

/** The level of an event of the platform: one that did not end in success is a warning. */
export function levelOf({ type, record }: TelemetryEvent): SystemLogLevel {
  const { status = 'success' } = record as { readonly status?: string }
  if (status !== 'success' || type === 'platform.logsDropped') return 'WARN'
  return detailed.has(type) ? 'DEBUG' : 'INFO'
}

/** Whether an event is logged where `least` is the least that is; an unknown level is INFO. */
export const isLogged = (event: TelemetryEvent, least: string): boolean =>
  rank[levelOf(event)] >= (rank[least as SystemLogLevel] ?? rank.INFO)
