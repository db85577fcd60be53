import { err, ok, type Result } from '@weft/contracts'

/** The range that AWS compares numbers in. */
const most = 5_000_000_000

type Comparison = readonly [operator: string, bound: number]

const holds: Readonly<Record<string, (one: number, bound: number) => boolean>> = {
  '=': (one, bound) => one === bound,
  '<': (one, bound) => one < bound,
  '<=': (one, bound) => one <= bound,
  '>': (one, bound) => one > bound,
  '>=': (one, bound) => one >= bound,
}
const isLower = (operator: string): boolean => operator.startsWith('>')

/** `["=", n]`, one bound, or a lower bound followed by an upper one. The error is the reason in the words of AWS. */
export function numericTest(operand: unknown): Result<(value: unknown) => boolean, string> {
  if (!Array.isArray(operand)) return err('Value of numeric must be an array.')
  if (operand.length === 0) return err('Invalid member in numeric match: ]')
  const comparisons: Comparison[] = []
  for (let at = 0; at < operand.length; at += 2) {
    const [operator, bound] = [operand[at] as unknown, operand[at + 1] as unknown]
    if (typeof operator !== 'string') return err(`Invalid member in numeric match: ${JSON.stringify(operator)}`)
    if (!Object.hasOwn(holds, operator)) return err(`Unrecognized numeric range operator: ${operator}`)
    if (typeof bound !== 'number') return err(`Value of ${operator} must be numeric`)
    if (Math.abs(bound) > most) return err('Value must be between -5.0E9 and 5.0E9, inclusive')
    comparisons.push([operator, bound])
  }
  const [first, second, ...more] = comparisons as [Comparison, ...Comparison[]]
  if (more.length > 0 || (second && first[0] === '=')) return err('Too many terms in numeric range expression')
  if (second && !(isLower(first[0]) && second[0].startsWith('<')))
    return err(`Bad numeric range operator: ${second[0]}`)
  if (second && first[1] >= second[1]) return err('Bottom must be less than top')
  return ok(
    (value) =>
      typeof value === 'number' && comparisons.every(([operator, bound]) => holds[operator]?.(value, bound) ?? false),
  )
}
