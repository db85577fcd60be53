import type { Input } from '../json/fields.ts'
import { ServiceRefusal } from '../json/refusal.ts'

export const invalid = (message: string): ServiceRefusal => new ServiceRefusal('InvalidParameterException', message)

export function text(input: Input, name: string, longest = 512): string | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new ServiceRefusal('SerializationException', `${name} must be a string`)
  if (value.length < 1 || value.length > longest)
    throw invalid(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must have length between 1 and ${longest}`,
    )
  return value
}

export function whole(input: Input, name: string, least: number, most: number): number | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ServiceRefusal('SerializationException', `${name} must be a whole number`)
  if (value < least || value > most)
    throw invalid(
      `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: Member must have value between ${least} and ${most}`,
    )
  return value
}

export function flag(input: Input, name: string): boolean {
  const value = input[name]
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw new ServiceRefusal('SerializationException', `${name} must be a boolean`)
  return value
}

export function texts(input: Input, name: string, most: number): readonly string[] | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new ServiceRefusal('SerializationException', `${name} must be a list of strings`)
  if (value.length === 0 || value.length > most)
    throw invalid(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must have length between 1 and ${most}`,
    )
  return value as string[]
}

/** Epoch ms up to the year 5138; the largest a caller can mean. */
export const latestMs = 1e14
