import { type FabricRecord, isAccountId, isFunctionName } from '@weft/contracts'

/** Lines above this are no record of ours. */
const longestLineCharacters = 65_536

const numbersOf = {
  invocation: [
    'startedAtMs',
    'acceptedAtMs',
    'durationMs',
    'billedDurationMs',
    'initDurationMs',
    'memoryMb',
    'maxMemoryUsedMb',
  ],
  throttle: ['atMs'],
  recursion: ['atMs'],
  'offset-lag': ['atMs', 'lagRecords'],
  'event-end': ['acceptedAtMs', 'endedAtMs', 'attempts'],
} as const

const stringsOf = {
  invocation: ['version', 'status', 'errorType', 'workerId', 'sandboxId'],
  throttle: ['reason'],
  recursion: [],
  'offset-lag': [],
  'event-end': ['end'],
} as const

const isType = (type: string): type is FabricRecord['type'] => Object.hasOwn(numbersOf, type)

/** A quantity above this is a broken writer and would drown every sum it enters. Epoch ms of the year 5138. */
const largestNumber = 1e14

/**
 * Reads one line of a record batch. Undefined for what is not a record: another schema version, a truncated line, a
 * number that is not finite. Members this version does not know are kept and ignored.
 */
export function parseRecord(line: string): FabricRecord | undefined {
  if (line.length > longestLineCharacters) return undefined
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Record<string, unknown>
  const { type, accountId, functionName, requestId } = record
  if (typeof type !== 'string' || !isType(type)) return undefined
  if (typeof accountId !== 'string' || !isAccountId(accountId)) return undefined
  if (typeof functionName !== 'string' || !isFunctionName(functionName)) return undefined
  if (typeof requestId !== 'string' || requestId.length > 64) return undefined
  const quantity = (n: unknown): boolean => typeof n === 'number' && n >= 0 && n <= largestNumber
  if (!numbersOf[type].every((name) => quantity(record[name]))) return undefined
  if (!stringsOf[type].every((name) => typeof record[name] === 'string')) return undefined
  return record as unknown as FabricRecord
}

export interface ParsedBatch {
  readonly records: readonly FabricRecord[]
  readonly malformed: number
}

/** Reads a batch: JSON lines. */
export function parseBatch(text: string): ParsedBatch {
  const lines = text.split('\n').filter((line) => line !== '')
  const records = lines.map(parseRecord).filter((record) => record !== undefined)
  return { records, malformed: lines.length - records.length }
}
