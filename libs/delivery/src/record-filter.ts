import { err, ok, type Result } from '@weft/contracts'
import { type Pattern, parsePattern } from './patterns/pattern.ts'

/** What a pattern is matched with: the record's members, and its payload under the name that its source gives it. */
export interface FilterView {
  readonly members: Readonly<Record<string, unknown>>
  readonly payload?: { readonly member: string; readonly bytes: Uint8Array }
}

/** FilterCriteria of a mapping: a record must match one of its patterns. */
export interface RecordFilter {
  passes(view: FilterView): boolean
}

/**
 * Reads `FilterCriteria.Filters[].Pattern`. A pattern that looks into the payload wants JSON there, one that compares the
 * payload as a whole wants text, and one that says nothing of it takes any (Lambda developer guide,
 * invocation-eventfiltering). The error is the reason in the words of AWS.
 */
export function compileFilters(patterns: readonly string[]): Result<RecordFilter, string> {
  const compiled: { readonly pattern: Pattern; readonly payload: PayloadUse }[] = []
  for (const text of patterns) {
    const pattern = parsePattern(text)
    if (!pattern.ok) return err(pattern.error)
    compiled.push({ pattern: pattern.value, payload: payloadUse(JSON.parse(text)) })
  }
  return ok({
    passes: (view) => compiled.some(({ pattern, payload }) => matches(pattern, payload, view)),
  })
}

/** Payload members by source: `body` of queues, `data` of streams and brokers, `value` of Kafka. */
const payloadMembers = ['body', 'data', 'value'] as const

type PayloadUse = 'none' | 'text' | 'json' | 'mixed'

function payloadUse(pattern: unknown): PayloadUse {
  const uses = new Set<'text' | 'json'>()
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === '$or' && Array.isArray(value)) value.forEach(visit)
      else if (payloadMembers.some((member) => member === key)) uses.add(Array.isArray(value) ? 'text' : 'json')
    }
  }
  visit(pattern)
  const [first, second] = [...uses]
  return second !== undefined ? 'mixed' : (first ?? 'none')
}

function matches(pattern: Pattern, use: PayloadUse, { members, payload }: FilterView): boolean {
  if (!payload || use === 'none') return pattern.matches(members)
  const text = utf8(payload.bytes)
  const value = text === undefined ? undefined : json(text)
  const withPayload = (one: unknown): boolean => pattern.matches({ ...members, [payload.member]: one })
  const asJson = (): boolean => value !== undefined && withPayload(value)
  // Text that is JSON is not text: AWS drops such a record when the pattern compares text.
  const asText = (): boolean => text !== undefined && !isContainer(value) && withPayload(text)
  return use === 'json' ? asJson() : use === 'text' ? asText() : asJson() || asText()
}

const isContainer = (value: unknown): boolean => typeof value === 'object' && value !== null

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
