import { BlockList, isIP } from 'node:net'
import { numericTest } from './numeric.ts'
import { compileWildcard } from './wildcard.ts'

/** Whether one scalar of an event (string, number, boolean or null) matches. */
export type ScalarTest = (value: unknown) => boolean

/** One element of a leaf's array. */
export type Matcher =
  | { readonly kind: 'value'; readonly test: ScalarTest }
  /** Looks at whether the field is there, not at what it holds. */
  | { readonly kind: 'exists'; readonly wanted: boolean }

/** The pattern is not valid; the message is the reason in the words of AWS. */
export class PatternRefusal extends Error {}

const refuse = (reason: string): never => {
  throw new PatternRefusal(reason)
}

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)
const value = (test: ScalarTest): Matcher => ({ kind: 'value', test })

const textOf = (name: string, operand: unknown): string =>
  typeof operand === 'string' ? operand : refuse(`${name} match pattern must be a string`)

const onText =
  (test: (text: string) => boolean): ScalarTest =>
  (one) =>
    typeof one === 'string' && test(one)

const equalsIgnoreCase = (operand: string): ScalarTest => {
  const wanted = operand.toLowerCase()
  return onText((text) => text.toLowerCase() === wanted)
}

/** `prefix` and `suffix` take a string or `{"equals-ignore-case": string}`. */
function affix(name: 'prefix' | 'suffix', operand: unknown): ScalarTest {
  const method = name === 'prefix' ? 'startsWith' : 'endsWith'
  if (typeof operand === 'string') return onText((text) => text[method](operand))
  const [key, nested] = soleEntry(operand) ?? refuse(`${name} match pattern must be a string`)
  if (key !== 'equals-ignore-case') return refuse(`Unsupported ${name} pattern: ${key}`)
  const wanted = textOf('equals-ignore-case', nested).toLowerCase()
  return onText((text) => text.toLowerCase()[method](wanted))
}

function cidr(operand: unknown): ScalarTest {
  const [address, bits, ...rest] = textOf('cidr', operand).split('/')
  if (bits === undefined || rest.length > 0) return refuse("Malformed CIDR, one '/' required")
  const version = isIP(address ?? '')
  if (version === 0) return refuse(`Malformed CIDR, invalid IP address: ${address}`)
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128))
    return refuse(`Malformed CIDR, mask bits: ${bits}`)
  const list = new BlockList()
  const family = version === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(address as string, Number(bits), family)
  return onText((text) => isIP(text) === version && list.check(text, family))
}

/** What `anything-but` takes: a scalar, a list of scalars, or a string matcher with one operand or a list of them. */
function anythingBut(operand: unknown): ScalarTest {
  if (operand === null) return refuse('Value of anything-but must be an array or single string/number value.')
  if (typeof operand !== 'object') return (one) => one !== operand
  if (Array.isArray(operand)) {
    if (operand.length === 0) return refuse('Empty arrays are not allowed')
    if (!operand.every((one) => typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'))
      return refuse('Inside anything but list, start|null|boolean is not supported.')
    const unwanted = new Set<unknown>(operand)
    return (one) => !unwanted.has(one)
  }
  const [name, nested] = soleEntry(operand) ?? refuse('Only one key allowed in match expression')
  const make = Object.hasOwn(negatable, name) ? negatable[name as keyof typeof negatable] : undefined
  if (!make) return refuse(`Unsupported anything-but pattern: ${name}`)
  const operands: readonly unknown[] = Array.isArray(nested) ? nested : [nested]
  if (operands.length === 0) return refuse('Empty arrays are not allowed')
  const tests = operands.map(make)
  return (one) => !tests.some((test) => test(one))
}

const ignoringCase = (operand: unknown): ScalarTest => equalsIgnoreCase(textOf('equals-ignore-case', operand))
const wildcard = (operand: unknown): ScalarTest => {
  const compiled = compileWildcard(textOf('wildcard', operand))
  return compiled.ok ? onText(compiled.value) : refuse(compiled.error)
}

const negatable = {
  prefix: (operand: unknown) => affix('prefix', operand),
  suffix: (operand: unknown) => affix('suffix', operand),
  'equals-ignore-case': ignoringCase,
  wildcard,
} as const

const matchers: Readonly<Record<string, (operand: unknown) => Matcher>> = {
  prefix: (operand) => value(affix('prefix', operand)),
  suffix: (operand) => value(affix('suffix', operand)),
  'equals-ignore-case': (operand) => value(ignoringCase(operand)),
  wildcard: (operand) => value(wildcard(operand)),
  cidr: (operand) => value(cidr(operand)),
  'anything-but': (operand) => value(anythingBut(operand)),
  numeric(operand) {
    const compiled = numericTest(operand)
    return compiled.ok ? value(compiled.value) : refuse(compiled.error)
  },
  exists: (operand) =>
    typeof operand === 'boolean'
      ? { kind: 'exists', wanted: operand }
      : refuse('exists match pattern must be either true or false.'),
}

/** An element of the array of a leaf. Throws a PatternRefusal. */
export function compileMatcher(element: unknown): Matcher {
  if (isScalar(element)) return value((one) => one === element)
  if (Array.isArray(element)) return refuse('Match value must be String, number, true, false, or null')
  const [name, operand] = soleEntry(element) ?? refuse('Only one key allowed in match expression')
  const make = Object.hasOwn(matchers, name) ? matchers[name] : undefined
  return make ? make(operand) : refuse(`Unrecognized match type ${name}`)
}

function soleEntry(operand: unknown): readonly [string, unknown] | undefined {
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) return undefined
  const entries = Object.entries(operand)
  return entries.length === 1 ? entries[0] : undefined
}
