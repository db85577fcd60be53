import { createHash } from 'node:crypto'
import type { EventSourceMapping } from '@weft/contracts'
import type { MappingSource, SourceRecord } from '@weft/delivery'

/** The lane of a record: those of one order key share one, so that they stay in order. */
export function laneOf(
  { source, mapping }: { readonly source: Pick<MappingSource, 'order'>; readonly mapping: EventSourceMapping },
  { orderKey }: Pick<SourceRecord, 'orderKey'>,
): string {
  if (source.order === 'unordered') return ''
  if (source.order === 'grouped') return orderKey
  const lanes = mapping.parallelizationFactor ?? 1
  if (lanes === 1) return '0'
  return `${createHash('md5').update(orderKey).digest().readUInt32BE(0) % lanes}`
}
