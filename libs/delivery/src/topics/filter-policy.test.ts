import type { FilterPolicyScope } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { parseFilterPolicy } from './filter-policy.ts'
import type { MessageAttribute } from './topic-message.ts'

const attributes: Readonly<Record<string, MessageAttribute>> = {
  store: { Type: 'String', Value: 'example_corp' },
  event: { Type: 'String', Value: 'order_placed' },
  customer_interests: { Type: 'String.Array', Value: '["soccer", "rugby", 7, true, null]' },
  price_usd: { Type: 'Number', Value: '210.75' },
  broken: { Type: 'String.Array', Value: '[soccer' },
  picture: { Type: 'Binary', Value: 'AAEC' },
}
const lets = (policy: object, message = '', scope: FilterPolicyScope = 'MessageAttributes'): boolean => {
  const parsed = parseFilterPolicy(JSON.stringify(policy), scope)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value({ message, attributes })
}

describe('a policy about attributes', () => {
  it.each([
    [{ store: ['example_corp'], event: [{ 'anything-but': 'order_cancelled' }] }, true],
    [{ customer_interests: ['rugby', 'football', 'baseball'] }, true],
    [{ customer_interests: ['football'] }, false],
    [{ customer_interests: [7] }, true],
    [{ customer_interests: [null] }, true],
    [{ price_usd: [{ numeric: ['>=', 100] }] }, true],
    [{ price_usd: [210.75] }, true],
    [{ price_usd: ['210.75'] }, false],
    [{ store: [{ prefix: 'example' }] }, true],
    [{ store: [{ suffix: 'inc' }] }, false],
    [{ encrypted: [false] }, false],
    [{ encrypted: [{ exists: false }] }, true],
    [{ broken: ['soccer'] }, false],
    [{ broken: [{ exists: true }] }, true],
    [{ picture: [{ exists: true }] }, false],
    [{ $or: [{ store: ['other'] }, { price_usd: [{ numeric: ['<', 300] }] }] }, true],
  ])('%j: %s', (policy, expected) => {
    expect(lets(policy)).toBe(expected)
  })
})

describe('a policy about the body', () => {
  const body = JSON.stringify({ store: 'example_corp', order: { items: [{ sku: 'a' }, { sku: 'b' }] } })
  it.each([
    [{ order: { items: { sku: ['b'] } } }, body, true],
    [{ order: { items: { sku: ['c'] } } }, body, false],
    [{ store: [{ exists: false }] }, 'plain text', false],
    [{ store: [{ exists: false }] }, '[1]', false],
    [{ store: [{ exists: false }] }, '{}', true],
  ])('%j, of %s: %s', (policy, message, expected) => {
    expect(lets(policy, message, 'MessageBody')).toBe(expected)
  })
})

it.each<[string, FilterPolicyScope, string]>([
  ['{', 'MessageAttributes', 'failed to parse JSON'],
  ['[]', 'MessageAttributes', 'Filter is not an object'],
  ['{"a": "b"}', 'MessageBody', '"a" must be an object or an array'],
  ['{"a": {"b": ["c"]}}', 'MessageAttributes', 'does not support nested'],
  ['{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}', 'MessageAttributes', 'more than 5 keys'],
  ['{"a":[1,2,3,4,5,6],"b":[1,2,3,4,5,6],"c":[1,2,3,4,5]}', 'MessageAttributes', 'too complex'],
  ['{"a":[{"numeric":["~",1]}]}', 'MessageAttributes', 'numeric range operator'],
])('%s is refused for %s', (policy, scope, reason) => {
  expect(parseFilterPolicy(policy, scope)).toEqual({ ok: false, error: expect.stringContaining(reason) })
})
