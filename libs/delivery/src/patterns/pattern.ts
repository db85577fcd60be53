import { err, ok, type Result } from '@weft/contracts'
import { compileMatcher, type Matcher, PatternRefusal } from './matchers.ts'

/** An event pattern of EventBridge, ready to be asked. Numbers are compared by value: 300, 300.0 and 3e2 are equal. */
export interface Pattern {
  matches(event: unknown): boolean
}

/** Deeper patterns are refused; AWS has no rule of this kind in its docs, and no event of use is so deep. */
const deepest = 100

type Test = (event: Readonly<Record<string, unknown>>) => boolean

/**
 * Reads a pattern (EventBridge user guide, eb-event-patterns, "content filtering"): nested objects whose leaves are arrays
 * of values or matchers, and `$or`. The error is the reason in the words of AWS.
 */
export function compilePattern(pattern: unknown): Result<Pattern, string> {
  try {
    const test = compileObject(pattern, 0)
    return ok({ matches: (event) => isObject(event) && test(event) })
  } catch (error) {
    if (error instanceof PatternRefusal) return err(error.message)
    throw error
  }
}

/** As compilePattern, of JSON text. */
export function parsePattern(text: string): Result<Pattern, string> {
  let pattern: unknown
  try {
    pattern = JSON.parse(text)
  } catch (error) {
    return err((error as Error).message)
  }
  return compilePattern(pattern)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function compileObject(pattern: unknown, depth: number): Test {
  if (!isObject(pattern)) throw new PatternRefusal('Filter is not an object')
  if (depth > deepest) throw new PatternRefusal(`Patterns nest ${deepest} levels at most`)
  const entries = Object.entries(pattern)
  if (entries.length === 0) throw new PatternRefusal('Empty objects are not allowed')
  const tests = entries.map(([key, value]) => compileField(key, value, depth))
  return (event) => tests.every((test) => test(event))
}

function compileField(key: string, value: unknown, depth: number): Test {
  if (key === '$or') return compileOr(value, depth)
  if (Array.isArray(value)) return compileLeaf(key, value)
  if (!isObject(value)) throw new PatternRefusal(`"${key}" must be an object or an array`)
  const test = compileObject(value, depth + 1)
  return (event) => {
    const objects = objectsIn(fieldOf(event, key))
    // What is not there may be what is asked for: `exists` false, somewhere below.
    return objects.length === 0 ? test({}) : objects.some(test)
  }
}

function compileOr(value: unknown, depth: number): Test {
  if (!Array.isArray(value) || value.length < 2)
    throw new PatternRefusal('There must have at least 2 Objects inside of $or relationship')
  const tests = value.map((one) => compileObject(one, depth + 1))
  return (event) => tests.some((test) => test(event))
}

function compileLeaf(key: string, elements: readonly unknown[]): Test {
  if (elements.length === 0) throw new PatternRefusal('Empty arrays are not allowed')
  const matchers = elements.map(compileMatcher)
  return (event) => {
    const scalars = scalarsIn(fieldOf(event, key))
    return matchers.some((matcher) => matchesAny(matcher, scalars))
  }
}

const matchesAny = (matcher: Matcher, scalars: readonly unknown[]): boolean =>
  matcher.kind === 'exists' ? scalars.length > 0 === matcher.wanted : scalars.some(matcher.test)

const fieldOf = (event: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(event, key) ? event[key] : undefined

/** A field with an array matches by any element, however deep. */
const scalarsIn = (value: unknown): readonly unknown[] =>
  elementsIn(value).filter((one) => one !== undefined && !isObject(one))

/** The fields below an array of objects must match in one and the same element. */
const objectsIn = (value: unknown): readonly Readonly<Record<string, unknown>>[] => elementsIn(value).filter(isObject)

/** What is no array in a value, in order. Without recursion: an event may nest its arrays deeper than the stack is. */
function elementsIn(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return [value]
  const found: unknown[] = []
  const open: unknown[] = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (Array.isArray(one)) for (let n = one.length - 1; n >= 0; n--) open.push(one[n])
    else found.push(one)
  }
  return found
}
