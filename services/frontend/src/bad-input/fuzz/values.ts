import { lambdaModel } from '@weft/aws'
import fc from 'fast-check'

/** Values by the name of a member that lead somewhere: names of what exists, ARNs, packages. */
export type Pool = Readonly<Record<string, readonly string[]>>

type Shape = (typeof lambdaModel.shapes)[string]

const shapeOf = (name: string): Shape => {
  const shape = lambdaModel.shapes[name]
  if (!shape) throw new Error(`the model has no shape ${name}`)
  return shape
}

/** What parsers, paths, headers and stores have stumbled over. */
const oddStrings: readonly string[] = [
  ...['', ' ', '.', '..', '../..', '/', '\\', '%00', '%2e%2e', '\0', '\r\nx: y', '\u202e', '\ud800', '💥', 'é'],
  ...['$LATEST', '__proto__', 'constructor', 'null', 'true', '-1', '1e9', 'NaN', '{}', '[]', '*', '>', 'a.b', 'a b'],
  ...['arn:aws:lambda:us-east-1:123456789012:function:one:live:more', 'arn:', ':::::', 'arn:aws:iam::0:role/x'],
]
/** Of another JSON type than any member has everywhere. */
const oddValues: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', 'x', [], {}, [null], { x: null }]

/** Members that the model calls optional, without which most of what has them is refused. */
const neededTogether: readonly string[] = ['Runtime', 'Handler', 'ZipFile', 'EventSourceArn', 'StartingPosition']

/** Longest text that is made on purpose; a megabyte of it proves no more. */
const longestText = 3_000

/** A value for a member of a shape: mostly of its kind and within its bounds, sometimes at them, sometimes neither. */
export function memberValue(pool: Pool, shapeName: string, memberName = ''): fc.Arbitrary<unknown> {
  const shape = shapeOf(shapeName)
  const known = pool[memberName]
  return fc.oneof(
    { weight: known ? 30 : 0, arbitrary: fc.constantFrom(...(known ?? [''])) },
    { weight: known ? 3 : 30, arbitrary: ofKind(pool, shape, memberName) },
    { weight: 1, arbitrary: fc.constantFrom(...oddValues) },
  )
}

function ofKind(pool: Pool, shape: Shape, memberName: string): fc.Arbitrary<unknown> {
  switch (shape.type) {
    case 'structure':
      return structure(pool, shape)
    case 'list': {
      const { min = 0, max = 4 } = shape
      return fc.array(memberValue(pool, shape.value as string, memberName), {
        minLength: Math.max(0, Math.min(min, 3)),
        maxLength: Math.min(max, 4) + 1,
      })
    }
    case 'map':
      return fc.dictionary(
        fc.oneof(fc.constantFrom('1', '2', 'live', 'KEY', ...oddStrings), fc.string()),
        memberValue(pool, shape.value as string),
        {
          maxKeys: 3,
        },
      )
    case 'integer':
    case 'double':
    case 'timestamp':
      return numbers(shape)
    case 'boolean':
      return fc.boolean()
    case 'blob':
      return fc.oneof(
        fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        fc.string(),
      )
    case 'document':
      return fc.jsonValue({ maxDepth: 3 })
    case 'string':
      return shape.enum
        ? fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...shape.enum) }, strings(shape))
        : strings(shape)
  }
}

function structure(pool: Pool, shape: Shape): fc.Arbitrary<unknown> {
  const members = Object.entries(shape.members ?? {})
  const model = Object.fromEntries(members.map(([name, member]) => [name, memberValue(pool, member.shape, name)]))
  const required = shape.required ?? []
  const optional = members.map(([name]) => name).filter((name) => !required.includes(name))
  // Most of what a structure may hold excludes something else of it.
  const sparse = fc
    .tuple(fc.record(model), fc.subarray(optional, { maxLength: Math.min(2, optional.length) }))
    .map(([all, kept]) => {
      const members = [...required, ...neededTogether.filter((name) => optional.includes(name)), ...kept]
      return Object.fromEntries(members.map((name) => [name, all[name]]))
    })
  return fc.oneof(
    { weight: 20, arbitrary: sparse },
    { weight: 8, arbitrary: fc.record(model, { requiredKeys: [...required] }) },
    { weight: 1, arbitrary: fc.record(model, { requiredKeys: [] }) },
  )
}

function numbers({ min, max }: Shape): fc.Arbitrary<number> {
  const edges = [min ?? 0, max ?? 1_000].flatMap((edge) => [edge - 1, edge, edge + 1])
  const inside = fc.integer({ min: Math.ceil(min ?? 0), max: Math.floor(max ?? 1_000_000) })
  return fc.oneof({ weight: 3, arbitrary: inside }, fc.constantFrom(...edges, 0, -0, 0.5, -1, 2 ** 31, 1e21))
}

function strings({ min = 0, max = 64 }: Shape): fc.Arbitrary<string> {
  const edges = [min, max, max + 1].filter((length) => length <= longestText).map((length) => 'a'.repeat(length))
  const word = fc.stringMatching(/^[a-zA-Z0-9-_]{1,20}$/)
  return fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
    { weight: 2, arbitrary: fc.constantFrom(...edges, ...oddStrings) },
  )
}
