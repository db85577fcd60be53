import { type Shape, shapeOf } from './model/model.ts'

/** Why a JSON value cannot be the shape, in the words of AWS's JSON reader. */
export class TypeMismatch {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const articles: Partial<Record<Shape['type'], string>> = {
  string: 'a String',
  integer: 'an Integer',
  double: 'a Double',
  boolean: 'a Boolean',
  timestamp: 'a Timestamp',
  blob: 'a Blob',
}

const tokenOf = (value: unknown): string => {
  if (typeof value === 'string') return 'STRING_VALUE'
  if (typeof value === 'number') return 'NUMBER_VALUE'
  return value === true ? 'TRUE_VALUE' : 'FALSE_VALUE'
}

const mismatch = (shape: Shape, value: unknown, path: string): TypeMismatch => {
  const where = path === '' ? '' : ` (member ${path})`
  if (Array.isArray(value)) return new TypeMismatch(`Start of list found where not expected${where}`)
  if (typeof value === 'object') return new TypeMismatch(`Start of structure or map found where not expected${where}`)
  return new TypeMismatch(`${tokenOf(value)} can not be converted to ${articles[shape.type]}${where}`)
}

/**
 * Reads a parsed JSON value as a shape: blobs become bytes, unknown members of structures are dropped, null members are
 * absent. Nulls inside lists and maps stay, for validation to name.
 */
export function coerce(shapeName: string, value: unknown, path = ''): unknown {
  const shape = shapeOf(shapeName)
  switch (shape.type) {
    case 'structure':
      return coerceStructure(shape, value, path)
    case 'list': {
      if (!Array.isArray(value)) return new TypeMismatch(`Expected list or null (member ${path})`)
      return all(value.map((item) => (item === null ? null : coerce(shape.value as string, item, path))))
    }
    case 'map': {
      if (!isObject(value)) return new TypeMismatch(`Expected map or null (member ${path})`)
      const entries = Object.entries(value)
      const values = all(entries.map(([, v]) => (v === null ? null : coerce(shape.value as string, v, path))))
      if (values instanceof TypeMismatch) return values
      if (!entries.every(([key]) => key.isWellFormed())) return new TypeMismatch(`Lone surrogate (member ${path})`)
      return Object.fromEntries(entries.map(([key], i) => [key, values[i]]))
    }
    case 'string':
      if (typeof value !== 'string') return mismatch(shape, value, path)
      return value.isWellFormed() ? value : new TypeMismatch(`Lone surrogate (member ${path})`)
    case 'integer':
      // Beyond 2^53 a number is not the one that was sent; `+ 0` turns -0 into 0.
      return typeof value === 'number' && Number.isSafeInteger(value) ? value + 0 : mismatch(shape, value, path)
    case 'double':
    case 'timestamp':
      return typeof value === 'number' && Number.isFinite(value) ? value : mismatch(shape, value, path)
    case 'boolean':
      return typeof value === 'boolean' ? value : mismatch(shape, value, path)
    case 'blob':
      return typeof value === 'string' ? decodeBase64(value, path) : mismatch(shape, value, path)
    case 'document':
      return value
  }
}

function coerceStructure(shape: Shape, value: unknown, path: string): unknown {
  if (!isObject(value)) return new TypeMismatch(`Unexpected field type${path === '' ? '' : ` (member ${path})`}`)
  const entries: [string, unknown][] = []
  for (const [name, member] of Object.entries(shape.members ?? {})) {
    if (member.in !== undefined || !Object.hasOwn(value, name)) continue
    const given = value[name]
    if (given === null) continue
    const read = coerce(member.shape, given, path === '' ? name : `${path}.${name}`)
    if (read instanceof TypeMismatch) return read
    entries.push([name, read])
  }
  return Object.fromEntries(entries)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const all = (values: unknown[]): unknown[] | TypeMismatch =>
  (values.find((value) => value instanceof TypeMismatch) as TypeMismatch | undefined) ?? values

/** Standard alphabet, padded, nothing between: Buffer's decoder skips what it does not know, which the length shows. */
function decodeBase64(text: string, path: string): Buffer | TypeMismatch {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = Buffer.from(text, 'base64')
  const whole = text.length % 4 === 0 && bytes.byteLength === (text.length / 4) * 3 - padding
  if (whole && !text.includes('-') && !text.includes('_')) return bytes
  return new TypeMismatch(`Invalid base64 (member ${path})`)
}

/** Reads the text of a header or query value as a scalar shape. */
export function coerceText(shapeName: string, text: string, name: string): unknown {
  const shape = shapeOf(shapeName)
  if (shape.type === 'string') return text
  if (shape.type === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true'
    return mismatch(shape, text, name)
  }
  if (shape.type === 'integer') {
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) + 0 : undefined
    return number ?? mismatch(shape, text, name)
  }
  if (shape.type === 'timestamp') {
    const ms = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(ms) ? mismatch(shape, text, name) : ms / 1000
  }
  return mismatch(shape, text, name)
}
