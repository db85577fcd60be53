/** Reading of JSON that a stranger wrote: nothing is trusted to have a shape. */
export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A string or a list of strings; undefined for anything else. */
export function stringsOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  return undefined
}

/** Values of conditions may be written without quotes. */
export function scalarsOf(value: unknown): readonly string[] | undefined {
  const list = Array.isArray(value) ? value : [value]
  if (!list.every((one) => typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'))
    return undefined
  return list.map(String)
}
