import { BlockList, isIP } from 'node:net'
import { err, ok, type Result } from '@weft/contracts'
import { type ContextLookup, compileArnPattern, compilePattern } from './pattern.ts'

/** One operator on one key: met or not by a request. */
export type Condition = (context: ContextLookup) => boolean

/** Whether a value of the request meets one value of the policy; undefined: the policy's value makes no sense. */
type Comparison = (
  wanted: string,
  variables: boolean,
) => ((given: string, context: ContextLookup) => boolean) | undefined

const text =
  (wildcards: boolean, ignoreCase: boolean): Comparison =>
  (wanted, variables) => {
    const pattern = compilePattern(wanted, { variables, wildcards, ignoreCase })
    return (given, context) => pattern.matches(given, context)
  }

const arn: Comparison = (wanted, variables) => {
  const pattern = compileArnPattern(wanted, { variables, wildcards: true })
  return (given, context) => pattern.matches(given, context)
}

const ordered =
  (read: (text: string) => number, holds: (given: number, wanted: number) => boolean): Comparison =>
  (wanted) => {
    const limit = read(wanted)
    if (Number.isNaN(limit)) return undefined
    return (given) => holds(read(given), limit)
  }

const number = (value: string): number => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(value.trim()) ? Number(value) : Number.NaN)
/** ISO 8601, or seconds since 1970. */
const date = (value: string): number => (/^\d{1,12}$/.test(value) ? Number(value) * 1_000 : Date.parse(value))

const equal = (given: number, wanted: number): boolean => given === wanted
const less = (given: number, wanted: number): boolean => given < wanted
const atMost = (given: number, wanted: number): boolean => given <= wanted
const greater = (given: number, wanted: number): boolean => given > wanted
const atLeast = (given: number, wanted: number): boolean => given >= wanted

const bool: Comparison = (wanted) => {
  const value = wanted.toLowerCase()
  return value === 'true' || value === 'false' ? (given) => given.toLowerCase() === value : undefined
}

const address: Comparison = (wanted) => {
  const [network = '', length, ...rest] = wanted.split('/')
  const family = isIP(network)
  if (family === 0 || rest.length > 0) return undefined
  const most = family === 6 ? 128 : 32
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (!(bits <= most)) return undefined
  const list = new BlockList()
  list.addSubnet(network, bits, family === 6 ? 'ipv6' : 'ipv4')
  return (given) => isIP(given) === family && list.check(given, family === 6 ? 'ipv6' : 'ipv4')
}

interface Operator {
  readonly compare: Comparison
  /** Met when no value of the policy is. */
  readonly negated: boolean
}

const is = (compare: Comparison): Operator => ({ compare, negated: false })
const not = (compare: Comparison): Operator => ({ compare, negated: true })

/** IAM user guide, "IAM JSON policy elements: Condition operators". */
const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    StringEquals: is(text(false, false)),
    StringNotEquals: not(text(false, false)),
    StringEqualsIgnoreCase: is(text(false, true)),
    StringNotEqualsIgnoreCase: not(text(false, true)),
    StringLike: is(text(true, false)),
    StringNotLike: not(text(true, false)),
    ArnEquals: is(arn),
    ArnLike: is(arn),
    ArnNotEquals: not(arn),
    ArnNotLike: not(arn),
    NumericEquals: is(ordered(number, equal)),
    NumericNotEquals: not(ordered(number, equal)),
    NumericLessThan: is(ordered(number, less)),
    NumericLessThanEquals: is(ordered(number, atMost)),
    NumericGreaterThan: is(ordered(number, greater)),
    NumericGreaterThanEquals: is(ordered(number, atLeast)),
    DateEquals: is(ordered(date, equal)),
    DateNotEquals: not(ordered(date, equal)),
    DateLessThan: is(ordered(date, less)),
    DateLessThanEquals: is(ordered(date, atMost)),
    DateGreaterThan: is(ordered(date, greater)),
    DateGreaterThanEquals: is(ordered(date, atLeast)),
    Bool: is(bool),
    BinaryEquals: is(text(false, false)),
    IpAddress: is(address),
    NotIpAddress: not(address),
  }).map(([name, operator]) => [name.toLowerCase(), operator]),
)

const operatorPattern = /^(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?$/

/** Compiles `"Operator": {"key": "value" | ["value", …]}`. The error is the reason, for a person. */
export function compileCondition(
  name: string,
  key: string,
  wanted: readonly string[],
  variables: boolean,
): Result<Condition, string> {
  const [, set, base = '', ifExists] = operatorPattern.exec(name.toLowerCase()) ?? []
  const lookup = key.toLowerCase()
  if (base === 'null' && !set && !ifExists) {
    const absent = wanted.map((value) => value.toLowerCase())
    if (absent.some((value) => value !== 'true' && value !== 'false')) return err(`Invalid value for ${name}.`)
    return ok((context) => absent.includes(String(context(lookup) === undefined)))
  }
  const operator = operators.get(base)
  if (!operator) return err(`Invalid Condition type : ${name}.`)
  const tests: ((given: string, context: ContextLookup) => boolean)[] = []
  for (const value of wanted) {
    const test = operator.compare(value, variables)
    if (!test) return err(`Invalid value for ${name}: ${value}`)
    tests.push(test)
  }
  const meets = (given: string, context: ContextLookup): boolean =>
    tests.some((test) => test(given, context)) !== operator.negated
  return ok((context) => {
    const value = context(lookup)
    const given = value === undefined ? [] : typeof value === 'string' ? [value] : value
    // A key that is not there is unequal to everything, and is all of its no values.
    if (given.length === 0)
      return ifExists !== undefined || set === 'forallvalues' || (operator.negated && set === undefined)
    if (set === 'foranyvalue' || (set === undefined && !operator.negated))
      return given.some((one) => meets(one, context))
    return given.every((one) => meets(one, context))
  })
}
