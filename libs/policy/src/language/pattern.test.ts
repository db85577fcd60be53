import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compilePattern } from './pattern.ts'

const options = { variables: false, wildcards: true }

/** The plain meaning, as slow as it likes. */
function oracle(pattern: string, text: string): boolean {
  const [head, ...rest] = pattern
  const tail = rest.join('')
  if (head === undefined) return text === ''
  if (head === '*') return oracle(tail, text) || (text !== '' && oracle(pattern, text.slice(1)))
  return text !== '' && (head === '?' || head === text[0]) && oracle(tail, text.slice(1))
}

it('matches what a plain reading of the wildcards matches', () => {
  const letters = fc.constantFrom('a', 'b', ':', '*', '?')
  const word = (unit: fc.Arbitrary<string>, maxLength: number) =>
    fc.array(unit, { maxLength }).map((characters) => characters.join(''))
  fc.assert(
    fc.property(word(letters, 8), word(fc.constantFrom('a', 'b', ':', '*'), 10), (pattern, text) => {
      expect(compilePattern(pattern, options).matches(text, () => undefined)).toBe(oracle(pattern, text))
    }),
    { numRuns: 2_000 },
  )
})

it('ends on patterns made to take for ever', () => {
  const bomb = compilePattern(`${'*a'.repeat(1_000)}b`, options)
  expect(bomb.matches('a'.repeat(10_000), () => undefined)).toBe(false)
})
