import { ServiceRefusal, validation } from './refusal.ts'

export type Input = Readonly<Record<string, unknown>>

/** Bounds of a member; of a text its length, of a list the number of its elements. */
export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** Java's form, matched against the whole text. */
  readonly pattern?: string
  readonly values?: readonly string[]
}

const wrongType = (name: string, wanted: string): ServiceRefusal =>
  new ServiceRefusal('SerializationException', `${name} must be ${wanted}`)

const refuse = (name: string, value: unknown, constraint: string): ServiceRefusal => {
  const at = name.charAt(0).toLowerCase() + name.slice(1)
  const shown =
    value === undefined ? 'Value null' : `Value '${typeof value === 'string' ? value : JSON.stringify(value)}'`
  return validation(`1 validation error detected: ${shown} at '${at}' failed to satisfy constraint: ${constraint}`)
}

function checkSize(
  name: string,
  value: unknown,
  size: number,
  { min, max }: Bounds,
  measure: 'length' | 'value',
): void {
  if (max !== undefined && size > max)
    throw refuse(name, value, `Member must have ${measure} less than or equal to ${max}`)
  if (min !== undefined && size < min)
    throw refuse(name, value, `Member must have ${measure} greater than or equal to ${min}`)
}

/** Undefined when the member is absent. Throws a ServiceRefusal in AWS's words, as all below. */
export function text(input: Input, name: string, bounds: Bounds = {}): string | undefined {
  const value = input[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrongType(name, 'a string')
  checkSize(name, value, value.length, bounds, 'length')
  const { pattern, values } = bounds
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`, 'u').test(value))
    throw refuse(name, value, `Member must satisfy regular expression pattern: ${pattern}`)
  if (values && !values.includes(value))
    throw refuse(name, value, `Member must satisfy enum value set: [${values.join(', ')}]`)
  return value
}

export const required = <T>(name: string, value: T | undefined): T => {
  if (value === undefined) throw refuse(name, undefined, 'Member must not be null')
  return value
}

export function whole(input: Input, name: string, bounds: Bounds = {}): number | undefined {
  const value = input[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongType(name, 'a whole number')
  checkSize(name, value, value, bounds, 'value')
  return value
}

export function flag(input: Input, name: string): boolean | undefined {
  const value = input[name] ?? undefined
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(name, 'a boolean')
  return value
}

/** Epoch seconds, as JSON services write times; given back as epoch ms. */
export function time(input: Input, name: string): number | undefined {
  const value = input[name] ?? undefined
  if (value === undefined) return undefined
  const ms = typeof value === 'number' ? value * 1_000 : typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (!Number.isFinite(ms) || Math.abs(ms) > 1e14) throw wrongType(name, 'a time')
  return Math.floor(ms)
}

export function object(input: Input, name: string): Input | undefined {
  const value = input[name] ?? undefined
  if (value === undefined) return undefined
  if (!isObject(value)) throw wrongType(name, 'an object')
  return value
}

export function list(input: Input, name: string, bounds: Bounds = {}): readonly unknown[] | undefined {
  const value = input[name] ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw wrongType(name, 'a list')
  checkSize(name, value, value.length, bounds, 'length')
  return value
}

export const objects = (input: Input, name: string, bounds: Bounds = {}): readonly Input[] | undefined =>
  list(input, name, bounds)?.map((one) => {
    if (!isObject(one)) throw wrongType(name, 'a list of objects')
    return one
  })

export const texts = (input: Input, name: string, bounds: Bounds = {}): readonly string[] | undefined =>
  list(input, name, bounds)?.map((one) => {
    if (typeof one !== 'string') throw wrongType(name, 'a list of strings')
    return one
  })

/** Tags as `[{Key, Value}]`. */
export function tags(input: Input, name = 'Tags'): Readonly<Record<string, string>> | undefined {
  const pairs = objects(input, name, { max: 50 })
  return (
    pairs &&
    Object.fromEntries(
      pairs.map((pair) => [
        required('Key', text(pair, 'Key', { min: 1, max: 128 })),
        required('Value', text(pair, 'Value', { max: 256 })),
      ]),
    )
  )
}

/** A member that is not served is refused by its name. */
export function refuseUnserved(input: Input, names: readonly string[]): void {
  for (const name of names)
    if (input[name] !== undefined && input[name] !== null) throw validation(`${name} is not supported by this fabric.`)
}

export const isObject = (value: unknown): value is Input =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
