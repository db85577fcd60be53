import { describe, expect, it } from 'vitest'
import { parseFilterPattern } from './line-filter.ts'

const line = 'ERROR Task timed out after 1.00 seconds'
const matches = (pattern: string | undefined) => {
  const filter = parseFilterPattern(pattern)
  return filter.ok ? filter.value(line) : filter.error
}

describe('a filter pattern', () => {
  it.each([
    [undefined, true],
    ['  ', true],
    ['ERROR', true],
    ['error', false],
    ['ERROR timed', true],
    ['ERROR missing', false],
    ['"timed out"', true],
    ['"out timed"', false],
    ['ERROR -seconds', false],
    ['-missing', true],
    ['-"timed out"', false],
    ['?missing ?ERROR', true],
    ['?missing ?absent', false],
    ['ERROR ?missing', true],
    ['"a \\"quoted\\" word"', false],
  ])('%j gives %j', (pattern, expected) => {
    expect(matches(pattern)).toBe(expected)
  })

  it.each([
    ['{ $.level = "ERROR" }', 'unsupported'],
    ['[a, b]', 'unsupported'],
    ['%E.*R%', 'unsupported'],
    ['"open', 'malformed'],
    ['a"b', 'malformed'],
    ['x'.repeat(1_025), 'malformed'],
    [`${'"'.repeat(1_000)}`, 'malformed'],
  ])('%j is %s', (pattern, expected) => {
    expect(matches(pattern)).toBe(expected)
  })
})
