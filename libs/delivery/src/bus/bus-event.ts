import type { AccountId } from '@weft/contracts'
import type { CameAs } from '../cloud-events/bus-mapping.ts'

/** An event as rules and targets see it. EventBridge user guide, "Structure of EventBridge events". */
export interface BusEvent {
  readonly version: '0'
  /** UUID. */
  readonly id: string
  readonly 'detail-type': string
  readonly source: string
  readonly account: AccountId
  /** `2026-01-01T00:00:00Z`. */
  readonly time: string
  readonly region: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
  /** Of an event that was replayed from an archive. */
  readonly 'replay-name'?: string
  /** Of an event that came as a CloudEvent. */
  readonly cloudevent?: CameAs
}

/** Whole seconds, as events tell time. */
export const eventTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** What a rule with a schedule sends. */
export const scheduledEvent = (
  source: 'aws.events' | 'aws.scheduler',
  whose: { readonly id: string; readonly account: AccountId; readonly region: string; readonly arn: string },
  scheduledMs: number,
): BusEvent => ({
  ...{ version: '0', id: whose.id, 'detail-type': 'Scheduled Event', source },
  ...{ account: whose.account, time: eventTime(scheduledMs), region: whose.region, resources: [whose.arn], detail: {} },
})

/** Bytes an entry counts of the 256 KiB that one PutEvents may have. PutEvents, "Calculating entry size". */
export function entryBytes(entry: {
  readonly time?: unknown
  readonly source?: string
  readonly detailType?: string
  readonly detail?: string
  readonly resources?: readonly string[]
}): number {
  const texts = [entry.source, entry.detailType, entry.detail, ...(entry.resources ?? [])]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), entry.time === undefined ? 0 : 14)
}
