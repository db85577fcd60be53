import type { FilterView } from './record-filter.ts'

/** A record of a source, ready for the function: its element of the event, and what the rules look at. */
export interface SourceRecord {
  /** What ReportBatchItemFailures names; unique in its source. */
  readonly id: string
  /** The record as an element of the event, JSON. */
  readonly json: string
  /** Share of the event, bytes: the comma included. */
  readonly eventBytes: number
  /** When the source stored it, epoch ms. */
  readonly storedAtMs: number
  /** Records of equal keys are run in order, one batch at a time. */
  readonly orderKey: string
  /** Where the event groups its records (topic and partition, queue): the group. */
  readonly group?: string
  /** What filter patterns are matched with. */
  readonly view: FilterView
  /** X-Amzn-Trace-Id form. */
  readonly traceHeader?: string
  /** Deliveries so far, this one included; 1 where the source does not count. */
  readonly receiveCount: number
  /** As the source holds it; kept of a message of a queue that is given up, because the queue forgets it. */
  readonly raw: Uint8Array
}

export type SourceRecordParts = Omit<SourceRecord, 'json' | 'eventBytes'>

export function sourceRecord(parts: SourceRecordParts, element: object): SourceRecord {
  const json = JSON.stringify(element)
  // Of a group's name and its punctuation, too: each record may be the only one of its group.
  const groupBytes = parts.group === undefined ? 0 : Buffer.byteLength(parts.group) + 6
  return { ...parts, json, eventBytes: Buffer.byteLength(json) + 1 + groupBytes }
}

/** How the event of a source is made of its records. */
export type EventFrame =
  /** `{"Records":[…]}` */
  | { readonly kind: 'records' }
  /** `{…head, "<member>": {"<group>": […]}}`: as of Kafka and RabbitMQ. */
  | { readonly kind: 'grouped'; readonly head: Readonly<Record<string, string>>; readonly member: string }

/** Bytes of an event around its records; the groups' names are in the records' own shares. */
const frameBytes = 1_024

/** Upper bound of the records of one batch together, so that the event stays within `payloadBytes`. */
export const recordBytesWithin = (payloadBytes: number): number => payloadBytes - frameBytes

/** The event of a batch. `more` are further members, of a tumbling window. */
export function eventOf(
  frame: EventFrame,
  records: readonly SourceRecord[],
  more: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  const list = (some: readonly SourceRecord[]): string => `[${some.map((record) => record.json).join(',')}]`
  const members = (object: object): string[] => {
    const inner = JSON.stringify(object).slice(1, -1)
    return inner === '' ? [] : [inner]
  }
  if (frame.kind === 'records')
    return new TextEncoder().encode(`{${[`"Records":${list(records)}`, ...members(more)].join(',')}}`)
  const groups = Map.groupBy(records, (record) => record.group ?? '')
  const grouped = [...groups].map(([name, some]) => `${JSON.stringify(name)}:${list(some)}`).join(',')
  const body = [...members(frame.head), `${JSON.stringify(frame.member)}:{${grouped}}`, ...members(more)]
  return new TextEncoder().encode(`{${body.join(',')}}`)
}
