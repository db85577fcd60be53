import { err, type FilterPolicyScope, ok, type Result } from '@weft/contracts'
import { compilePattern } from '../patterns/pattern.ts'
import type { MessageAttribute, TopicMessage } from './topic-message.ts'

/** Whether a message is for a subscription. */
export type FilterPolicy = (message: Pick<TopicMessage, 'message' | 'attributes'>) => boolean

/** SNS developer guide, "Filter policy constraints". */
const mostKeys = 5
const mostCombinations = 150

/**
 * Reads a filter policy: a pattern in the language of EventBridge, about the message's attributes or its body. The error
 * is the reason for people.
 */
export function parseFilterPolicy(text: string, scope: FilterPolicyScope): Result<FilterPolicy, string> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return err('failed to parse JSON')
  }
  const pattern = compilePattern(value)
  if (!pattern.ok) return pattern
  const leaves = leavesOf(value, 1)
  if (leaves.length > mostKeys) return err(`Filter policy can not have more than ${mostKeys} keys`)
  if (leaves.reduce((product, { values, depth }) => product * values * depth, 1) > mostCombinations)
    return err('Filter policy is too complex')
  const nested = scope === 'MessageAttributes' && leaves.some(({ depth }) => depth > 1)
  if (nested) return err('Filter policy scope MessageAttributes does not support nested filter policy')
  const { matches } = pattern.value
  if (scope === 'MessageAttributes')
    return ok(({ attributes }) =>
      matches(Object.fromEntries(Object.entries(attributes).map(([name, one]) => [name, seenOf(one)]))),
    )
  return ok(({ message }) => {
    const body = jsonOf(message)
    // Only an object has members to look at.
    return body !== undefined && matches(body)
  })
}

interface Leaf {
  readonly values: number
  readonly depth: number
}

/** The keys that hold conditions; the alternatives of `$or` stand where it stands. */
function leavesOf(pattern: unknown, depth: number): readonly Leaf[] {
  return Object.entries(pattern as Readonly<Record<string, unknown>>).flatMap(([key, value]) => {
    if (!Array.isArray(value)) return leavesOf(value, depth + 1)
    return key === '$or' ? value.flatMap((one) => leavesOf(one, depth)) : [{ values: value.length, depth }]
  })
}

/** What patterns see of an attribute: nothing of a binary one, and of a list that cannot be read its text. */
function seenOf({ Type, Value }: MessageAttribute): unknown {
  if (Type === 'String.Array') {
    const list = jsonOf(Value)
    return Array.isArray(list) ? list : Value
  }
  if (Type.startsWith('Number')) return Number(Value)
  return Type.startsWith('Binary') ? undefined : Value
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
