import { type AwsError, awsError } from '@weft/contracts'
import { lambdaModel, type Shape, shapeOf } from './model/model.ts'
import type { OperationInputs, OperationName } from './model/types.ts'

/** Patterns are not tried on strings so far over their maximum that only the length can matter. */
const patternLimitCharacters = 20_000

const notNull = 'Member must not be null'

/**
 * Checks an input against the constraints of the API model: one ValidationException that lists every violation in AWS's
 * words, or undefined when there is none.
 */
export function validateInput<O extends OperationName>(operation: O, input: OperationInputs[O]): AwsError | undefined {
  const parts: string[] = []
  check(lambdaModel.operations[operation].input, input, '', parts)
  return parts.length === 0 ? undefined : validationError(parts)
}

/** `N validation error[s] detected: ` and the parts. */
export const validationError = (parts: readonly string[]): AwsError =>
  awsError(
    'ValidationException',
    `${parts.length} validation error${parts.length === 1 ? '' : 's'} detected: ${parts.join('; ')}`,
  )

function check(name: string, value: unknown, path: string, parts: string[]): void {
  const shape = shapeOf(name)
  for (const text of constraintTexts(shape, value)) parts.push(part(shape, value, path, text))
  if (shape.type === 'structure') {
    for (const [member, { shape: target }] of Object.entries(shape.members ?? {})) {
      const given = (value as Record<string, unknown>)[member]
      const at = path === '' ? lowerFirst(member) : `${path}.${lowerFirst(member)}`
      if (given !== undefined) check(target, given, at, parts)
      else if (shape.required?.includes(member)) parts.push(part(shapeOf(target), undefined, at, notNull))
    }
  } else if (shape.type === 'list') checkList(shape, value as readonly unknown[], path, parts)
  else if (shape.type === 'map') checkMap(shape, value as Readonly<Record<string, unknown>>, path, parts)
}

function checkList(shape: Shape, list: readonly unknown[], path: string, parts: string[]): void {
  const member = shapeOf(shape.value as string)
  if (member.type === 'structure') {
    for (const [i, item] of list.entries()) {
      const at = `${path}.${i + 1}.member`
      if (item === null) parts.push(part(member, undefined, at, notNull))
      else check(shape.value as string, item, at, parts)
    }
    return
  }
  if (list.every((item) => item !== null && constraintTexts(member, item).length === 0)) return
  const rules = [...allTexts(member), notNull]
  // A list of enumerated values is reported plainly when each is there but not in the set.
  const plain = member.enum !== undefined && list.every((item) => item !== null)
  const text = plain ? allTexts(member).join(', ') : `Member must satisfy constraint: [${rules.join(', ')}]`
  parts.push(part(shape, list, path, text))
}

function checkMap(shape: Shape, map: Readonly<Record<string, unknown>>, path: string, parts: string[]): void {
  const key = shapeOf(shape.key as string)
  const value = shapeOf(shape.value as string)
  if (Object.keys(map).some((k) => constraintTexts(key, k).length > 0))
    parts.push(part(shape, map, path, `Map keys must satisfy constraint: [${allTexts(key).join(', ')}]`))
  if (value.type === 'list' || value.type === 'structure' || value.type === 'map') return
  if (Object.values(map).some((v) => v === null || constraintTexts(value, v).length > 0))
    parts.push(
      part(shape, map, path, `Map value must satisfy constraint: [${[...allTexts(value), notNull].join(', ')}]`),
    )
}

/** Every rule of a shape, in the order AWS lists them. */
function allTexts(shape: Shape): string[] {
  const texts: string[] = []
  if (shape.max !== undefined) texts.push(boundText(shape, 'less', shape.max))
  if (shape.min !== undefined) texts.push(boundText(shape, 'greater', shape.min))
  if (shape.pattern !== undefined) texts.push(patternText(shape.pattern))
  if (shape.enum !== undefined) texts.push(enumText(shape.enum))
  return texts
}

/** The rules that a value breaks. */
function constraintTexts(shape: Shape, value: unknown): string[] {
  const texts: string[] = []
  const size = sizeOf(shape, value)
  if (size !== undefined && shape.max !== undefined && size > shape.max) texts.push(boundText(shape, 'less', shape.max))
  if (size !== undefined && shape.min !== undefined && size < shape.min)
    texts.push(boundText(shape, 'greater', shape.min))
  if (typeof value !== 'string') return texts
  const hopeless = texts.length > 0 && value.length > patternLimitCharacters
  if (shape.pattern !== undefined && !hopeless && !anchored(shape.pattern).test(value))
    texts.push(patternText(shape.pattern))
  if (shape.enum !== undefined && !shape.enum.includes(value)) texts.push(enumText(shape.enum))
  return texts
}

function sizeOf(shape: Shape, value: unknown): number | undefined {
  if (shape.max === undefined && shape.min === undefined) return undefined
  if (typeof value === 'number') return value
  if (typeof value === 'string') return value.length
  if (value instanceof Uint8Array) return value.byteLength
  if (Array.isArray(value)) return value.length
  return shape.type === 'map' ? Object.keys(value as object).length : undefined
}

const boundText = (shape: Shape, side: 'less' | 'greater', bound: number): string => {
  const isNumber = shape.type === 'integer' || shape.type === 'double'
  const shown = shape.type === 'double' ? javaDouble(bound) : String(bound)
  return `Member must have ${isNumber ? 'value' : 'length'} ${side} than or equal to ${shown}`
}
const patternText = (pattern: string): string => `Member must satisfy regular expression pattern: ${pattern}`
const enumText = (values: readonly string[]): string => `Member must satisfy enum value set: [${values.join(', ')}]`

const compiled = new Map<string, RegExp>()
function anchored(pattern: string): RegExp {
  let regex = compiled.get(pattern)
  if (!regex) {
    // `s` is not set and `$` without `m` is the very end, so a trailing line break never passes.
    regex = new RegExp(`^(?:${pattern})$`, 'u')
    compiled.set(pattern, regex)
  }
  return regex
}

function part(shape: Shape, value: unknown, path: string, text: string): string {
  const shown = value === undefined ? 'Value null' : shape.sensitive ? 'Value' : `Value '${javaText(shape, value)}'`
  return `${shown} at '${path}' failed to satisfy constraint: ${text}`
}

/** As Java's toString shows it. */
function javaText(shape: Shape | undefined, value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) {
    const member = shape?.value === undefined ? undefined : shapeOf(shape.value)
    return `[${value.map((item) => javaText(member, item)).join(', ')}]`
  }
  if (value instanceof Uint8Array)
    return `java.nio.HeapByteBuffer[pos=0 lim=${value.byteLength} cap=${value.byteLength}]`
  if (typeof value === 'object') {
    const member = shape?.value === undefined ? undefined : shapeOf(shape.value)
    return `{${Object.entries(value)
      .map(([k, v]) => `${k}=${javaText(member, v)}`)
      .join(', ')}}`
  }
  return typeof value === 'number' && shape?.type === 'double' ? javaDouble(value) : String(value)
}

const javaDouble = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value))

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
