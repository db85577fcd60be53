import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern, parsePattern } from './pattern.ts'

const matches = (pattern: unknown, event: unknown): boolean => {
  const compiled = compilePattern(pattern)
  if (!compiled.ok) throw new Error(compiled.error)
  return compiled.value.matches(event)
}

/** Event of the EventBridge user guide. */
const instance = {
  version: '0',
  id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  account: '111122223333',
  time: '2017-12-22T18:43:48Z',
  region: 'us-west-1',
  resources: ['arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0'],
  detail: { 'instance-id': 'i-1234567890abcdef0', state: 'terminated' },
}

describe('examples of the EventBridge user guide', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['values', { source: ['aws.ec2'], detail: { state: ['terminated', 'stopped'] } }, instance, true],
    ['another value', { source: ['aws.ec2'], detail: { state: ['running'] } }, instance, false],
    ['an array in the event', { resources: [{ prefix: 'arn:aws:ec2:' }] }, instance, true],
    ['null', { detail: { responseElements: [null] } }, { detail: { responseElements: null } }, true],
    ['an empty string', { detail: { eventName: [''] } }, { detail: { eventName: '' } }, true],
    ['prefix', { time: [{ prefix: '2017-10-02' }] }, { time: '2017-10-02T10:00:00Z' }, true],
    ['prefix, case', { time: [{ prefix: { 'equals-ignore-case': 'EventB' } }] }, { time: 'eventbridge' }, true],
    ['suffix', { file: [{ suffix: '.png' }] }, { file: 'a.png' }, true],
    ['suffix, case', { file: [{ suffix: { 'equals-ignore-case': '.PNG' } }] }, { file: 'a.png' }, true],
    ['anything-but a string', { state: [{ 'anything-but': 'init' }] }, { state: 'run' }, true],
    ['anything-but the string', { state: [{ 'anything-but': 'init' }] }, { state: 'init' }, false],
    ['anything-but a number', { limit: [{ 'anything-but': 123 }] }, { limit: 124 }, true],
    ['anything-but a list', { state: [{ 'anything-but': ['stopped', 'overloaded'] }] }, { state: 'stopped' }, false],
    ['anything-but numbers', { limit: [{ 'anything-but': [100, 200, 300] }] }, { limit: 200 }, false],
    ['anything-but case', { s: [{ 'anything-but': { 'equals-ignore-case': ['Init', 'Hi'] } }] }, { s: 'INIT' }, false],
    ['anything-but prefix', { state: [{ 'anything-but': { prefix: 'init' } }] }, { state: 'initial' }, false],
    ['anything-but prefixes', { s: [{ 'anything-but': { prefix: ['a', 'b'] } }] }, { s: 'cat' }, true],
    ['anything-but suffix', { f: [{ 'anything-but': { suffix: '.txt' } }] }, { f: 'a.txt' }, false],
    ['anything-but wildcard', { p: [{ 'anything-but': { wildcard: '*/lib/*' } }] }, { p: '/usr/lib/x' }, false],
    ['anything-but, absent', { state: [{ 'anything-but': 'init' }] }, {}, false],
    ['numeric range', { c: [{ numeric: ['>', 0, '<=', 5] }] }, { c: 5 }, true],
    ['numeric equal', { c: [{ numeric: ['=', 301.8] }] }, { c: 301.8 }, true],
    ['numeric, a string', { c: [{ numeric: ['<', 10] }] }, { c: '5' }, false],
    ['ip', { sourceIPAddress: [{ cidr: '10.0.0.0/24' }] }, { sourceIPAddress: '10.0.0.255' }, true],
    ['ip outside', { sourceIPAddress: [{ cidr: '10.0.0.0/24' }] }, { sourceIPAddress: '10.0.1.0' }, false],
    ['ip 6', { ip: [{ cidr: '2001:db8::/32' }] }, { ip: '2001:db8:1::1' }, true],
    ['exists', { detail: { state: [{ exists: true }] } }, instance, true],
    ['exists, of an object', { detail: [{ exists: true }] }, instance, false],
    ['exists false', { detail: { c: { d: [{ exists: false }] } } }, instance, true],
    ['equals-ignore-case', { t: [{ 'equals-ignore-case': 'ec2 instance' }] }, { t: 'EC2 Instance' }, true],
    ['wildcard', { k: [{ wildcard: 'dir/*.png' }] }, { k: 'dir/a/b.png' }, true],
    ['wildcard, escaped', { k: [{ wildcard: 'a\\*b\\\\*' }] }, { k: 'a*b\\c' }, true],
    [
      'several',
      { d: { 'c-count': [{ numeric: ['>', 0, '<=', 5] }], 'd-count': [{ numeric: ['<', 10] }] } },
      { d: { 'c-count': 3, 'd-count': 1 } },
      true,
    ],
    [
      '$or',
      { d: { $or: [{ c: [{ numeric: ['>', 5] }] }, { d: [{ 'anything-but': [1] }] }] } },
      { d: { c: 1, d: 2 } },
      true,
    ],
    [
      '$or, none',
      { d: { $or: [{ c: [{ numeric: ['>', 5] }] }, { d: [{ 'anything-but': [1] }] }] } },
      { d: { c: 1, d: 1 } },
      false,
    ],
    ['one element of an array', { a: { x: [1], y: [2] } }, { a: [{ x: 1 }, { y: 2 }] }, false],
    ['the same element', { a: { x: [1], y: [2] } }, { a: [{ x: 0 }, { x: 1, y: 2 }] }, true],
    ['an array in an array', { a: ['x'] }, { a: [['y'], [['x']]] }, true],
    ['what is inherited', { constructor: [{ exists: true }] }, {}, false],
    ['no object', { a: [{ exists: false }] }, 'text', false],
  ])('%s', (_, pattern, event, expected) => {
    expect(matches(pattern, event)).toBe(expected)
  })
})

describe('a pattern that is not valid', () => {
  it.each<[unknown, string]>([
    ['text', 'Filter is not an object'],
    [[], 'Filter is not an object'],
    [{}, 'Empty objects are not allowed'],
    [{ a: {} }, 'Empty objects are not allowed'],
    [{ a: [] }, 'Empty arrays are not allowed'],
    [{ a: 'x' }, '"a" must be an object or an array'],
    [{ a: [[1]] }, 'Match value must be String, number, true, false, or null'],
    [{ a: [{ like: 'x' }] }, 'Unrecognized match type like'],
    [{ a: [{ constructor: 'x' }] }, 'Unrecognized match type constructor'],
    [{ a: [{ prefix: 'x', suffix: 'y' }] }, 'Only one key allowed in match expression'],
    [{ a: [{ prefix: 1 }] }, 'prefix match pattern must be a string'],
    [{ a: [{ suffix: null }] }, 'suffix match pattern must be a string'],
    [{ a: [{ exists: 'yes' }] }, 'exists match pattern must be either true or false.'],
    [{ a: [{ numeric: ['<'] }] }, 'Value of < must be numeric'],
    [{ a: [{ numeric: ['~', 1] }] }, 'Unrecognized numeric range operator: ~'],
    [{ a: [{ numeric: [] }] }, 'Invalid member in numeric match: ]'],
    [{ a: [{ numeric: ['>', 5, '<', 5] }] }, 'Bottom must be less than top'],
    [{ a: [{ numeric: ['=', 5, '<', 9] }] }, 'Too many terms in numeric range expression'],
    [{ a: [{ numeric: ['>', 6e9] }] }, 'Value must be between -5.0E9 and 5.0E9, inclusive'],
    [{ a: [{ wildcard: 'a**b' }] }, 'Consecutive wildcard characters at pos 2'],
    [{ a: [{ wildcard: 'a\\b' }] }, 'Invalid escape character at pos 1'],
    [{ a: [{ cidr: '10.0.0.0' }] }, "Malformed CIDR, one '/' required"],
    [{ a: [{ cidr: '10.0.0.0/33' }] }, 'Malformed CIDR, mask bits: 33'],
    [{ a: [{ 'anything-but': [] }] }, 'Empty arrays are not allowed'],
    [{ a: [{ 'anything-but': { numeric: ['<', 1] } }] }, 'Unsupported anything-but pattern: numeric'],
    [{ $or: [{ a: [1] }] }, 'There must have at least 2 Objects inside of $or relationship'],
  ])('%j', (pattern, reason) => {
    expect(compilePattern(pattern)).toEqual({ ok: false, error: reason })
  })

  it('may be as deep and wide as can be', () => {
    const deep = `${'{"a":'.repeat(5_000)}["x"]${'}'.repeat(5_000)}`
    expect(parsePattern(deep)).toMatchObject({ ok: false })
    expect(parsePattern('{"a":')).toMatchObject({ ok: false })
    const wide = compilePattern({ a: [{ wildcard: `${'*a'.repeat(2_000)}*` }] })
    expect(wide.ok && wide.value.matches({ a: `${'a'.repeat(100_000)}b` })).toBe(true)
  })
})

const scalar = fc.oneof(fc.string({ maxLength: 4 }), fc.integer({ min: -9, max: 9 }), fc.boolean(), fc.constant(null))
const { event } = fc.letrec<{ event: Record<string, unknown>; node: unknown }>((tie) => ({
  event: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('node'), { minKeys: 1, maxKeys: 3 }),
  node: fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar, { minLength: 1, maxLength: 3 }), tie('event')),
}))

/** The pattern that asks for exactly what an event has. */
const patternOf = (node: unknown): unknown =>
  typeof node === 'object' && node !== null && !Array.isArray(node)
    ? Object.fromEntries(Object.entries(node).map(([key, value]) => [key, patternOf(value)]))
    : Array.isArray(node)
      ? node
      : [node]

describe('properties', () => {
  it('an event matches the pattern made of itself, also beside another alternative', () => {
    fc.assert(
      fc.property(event, event, (one, other) => {
        expect(matches(patternOf(one), one)).toBe(true)
        expect(matches({ $or: [patternOf(other), patternOf(one)] }, one)).toBe(true)
      }),
    )
  })

  it('anything-but matches a scalar exactly when its opposite does not', () => {
    const positive = fc.oneof(
      fc.string({ maxLength: 2 }).map((text) => [text, text]),
      fc.string({ maxLength: 2 }).map((prefix) => [{ prefix }, { prefix }]),
      fc.string({ maxLength: 2 }).map((suffix) => [{ suffix }, { suffix }]),
      fc.constantFrom('a*', '*b', 'a*b').map((wildcard) => [{ wildcard }, { wildcard }]),
      fc.integer({ min: -9, max: 9 }).map((n) => [n, n]),
    )
    fc.assert(
      fc.property(positive, scalar, ([is, isNot], value) => {
        expect(matches({ a: [{ 'anything-but': isNot }] }, { a: value })).toBe(!matches({ a: [is] }, { a: value }))
      }),
    )
  })

  it('wildcards match as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
    const wildcard = fc
      .string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 })
      .map((one) => one.replace(/\*+/g, '*'))
    fc.assert(
      fc.property(wildcard, text, (pattern, value) => {
        const expected = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(value)
        expect(matches({ a: [{ wildcard: pattern }] }, { a: value })).toBe(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  it('any JSON is refused with a reason or compiled', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (pattern, value) => {
        const compiled = compilePattern(pattern)
        if (compiled.ok) expect(typeof compiled.value.matches(value)).toBe('boolean')
        else expect(compiled.error).not.toBe('')
      }),
    )
  })
})

it('takes events whose arrays are nested deeper than the stack is', () => {
  const deep = (inner: string): unknown => JSON.parse(`${'['.repeat(100_000)}${inner}${']'.repeat(100_000)}`)
  expect(matches({ a: { b: [1] } }, { a: deep('{"b":1}') })).toBe(true)
  expect(matches({ a: [1] }, { a: deep('1') })).toBe(true)
  expect(matches({ a: { b: [1] } }, { a: deep('') })).toBe(false)
})
