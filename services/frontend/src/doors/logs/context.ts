import type { AccountId, TriggerRecord } from '@weft/contracts'
import { type LineFilter, parseFilterPattern } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Catalogue, Collection } from '@weft/registry'
import type { Input } from '../json/fields.ts'
import type { LogReader } from './log-reader.ts'
import { invalid } from './members.ts'

export interface LogsContext {
  readonly accountId: AccountId
  readonly region: string
  readonly reader: LogReader
  readonly catalogue: Pick<Catalogue, 'function' | 'version' | 'alias'>
  readonly triggers: Collection<TriggerRecord>
  readonly clock: Pick<Clock, 'now'>
}

export type LogsOperation = (context: LogsContext, input: Input) => Promise<object>

export function filterOf(pattern: string | undefined): LineFilter {
  const filter = parseFilterPattern(pattern)
  if (filter.ok) return filter.value
  throw invalid(
    filter.error === 'unsupported'
      ? 'Invalid filter pattern: patterns of JSON fields, columns and regular expressions are not supported here; use terms.'
      : 'Invalid filter pattern.',
  )
}
