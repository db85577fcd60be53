// Generates src/model/lambda.json (routes, bindings, constraints) and src/model/types.ts (inputs and outputs) from two
// sources: the schemas that @aws-sdk/client-lambda exports (structure, bindings) and src/model/facts.json (minima,
// maxima, patterns, enumerations, errors per operation), which the schemas lack. The output is committed.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import * as sdk from '@aws-sdk/client-lambda'

const folder = new URL('../src/model/', import.meta.url)

/** Bits of a member's traits, as the schemas of the SDK encode them. */
const traitBits = { label: 1, sensitive: 8, payload: 16, status: 32 }
const sensitiveBit = 8

/** Where AWS's answers differ from its model; recorded answers win. */
const differences = {
  shapes: {
    // The model's maxima are those of Lambda Managed Instances; plain functions have these (quotas page).
    Timeout: { max: 900 },
    MemorySize: { max: 10240 },
    // An unknown runtime is refused as InvalidParameterValueException, with a text of its own.
    Runtime: { enum: undefined },
  },
  operations: {
    // The model says 200; AWS answers 204, and clients of every age take it.
    DeleteFunction: { status: 204 },
  },
}

const isSchema = (x) => Array.isArray(x) && typeof x[0] === 'number' && typeof x[1] === 'string'
const primitives = { 0: 'String', 1: 'Integer', 2: 'Boolean', 15: 'Document', 21: 'Blob', 42: 'Blob' }
const primitiveTypes = {
  String: 'string',
  Integer: 'integer',
  Boolean: 'boolean',
  Document: 'document',
  Blob: 'blob',
  Timestamp: 'timestamp',
}

/** The model as plain data; `facts` is the content of facts.json. */
export function generateModel(facts) {
  const shapes = {}
  const constraintsOf = (name) => {
    const { type: _type, ...rest } = facts.constraints[name] ?? {}
    return rest
  }
  const define = (name, build) => {
    if (shapes[name]) return name
    shapes[name] = {}
    Object.assign(shapes[name], build())
    return name
  }
  const isSensitive = (traits) => (typeof traits === 'number' ? (traits & sensitiveBit) !== 0 : traits?.sensitive === 1)

  /** Returns the name of the shape; `known` is its name in the facts, when they have one. */
  const shape = (schema, known, sensitive = false) => {
    if (typeof schema === 'function') return shape(schema(), known, sensitive)
    if (typeof schema === 'number') {
      if (schema >= 128) return collection('map', known, 0, schema - 128, sensitive)
      if (schema >= 64) return collection('list', known, undefined, schema - 64, sensitive)
      if (schema >= 4 && schema <= 7) return define('Timestamp', () => ({ type: 'timestamp' }))
      const primitive = primitives[schema]
      if (!primitive) throw new Error(`unknown schema number ${schema}`)
      const name = known ?? `${sensitive ? 'Sensitive' : ''}${primitive}`
      return define(name, () => ({
        type: facts.constraints[name]?.type === 'double' ? 'double' : primitiveTypes[primitive],
        ...(sensitive && { sensitive }),
        ...constraintsOf(name),
        ...differences.shapes[name],
      }))
    }
    if (schema === 'unit') return define('Unit', () => ({ type: 'structure', members: {} }))
    if (!Array.isArray(schema)) throw new Error(`not a schema: ${schema}`)
    if (!isSchema(schema)) {
      const [inner, traits] = schema
      return shape(inner, known, sensitive || isSensitive(traits))
    }
    const [kind, , name, traits] = schema
    if (kind === 0) return shape(schema[4], known ?? name, sensitive || isSensitive(traits))
    if (kind === 1) return collection('list', known ?? name, undefined, schema[4], sensitive || isSensitive(traits))
    if (kind === 2) return collection('map', known ?? name, schema[4], schema[5], sensitive || isSensitive(traits))
    if (kind === 3 || kind === 4) return structure(schema)
    throw new Error(`unknown kind of schema ${kind}`)
  }

  const collection = (type, known, keySchema, valueSchema, sensitive) => {
    const fact = facts.collections[known] ?? {}
    const value = shape(valueSchema, type === 'map' ? fact.value : fact.member)
    const name = known ?? `${type === 'map' ? 'Map' : 'List'}Of${value}`
    return define(name, () => ({
      type,
      ...(type === 'map' && { key: shape(keySchema, fact.key) }),
      value,
      ...(sensitive && { sensitive }),
      ...constraintsOf(name),
    }))
  }

  const structure = ([, , name, , memberNames, memberSchemas, requiredCount]) =>
    define(name, () => {
      const fact = facts.structures[name]
      const members = {}
      memberNames.forEach((member, i) => {
        const given = memberSchemas[i]
        const pair = Array.isArray(given) && !isSchema(given) ? given : [given, 0]
        members[member] = { shape: shape(given, fact?.members[member]), ...binding(member, pair[1]) }
      })
      const required = fact?.required ?? memberNames.slice(0, requiredCount ?? 0)
      return { type: 'structure', members, ...(required.length > 0 && { required }) }
    })

  const binding = (member, traits) => {
    if (traits?.httpHeader) return { in: 'header', name: traits.httpHeader }
    if (traits?.httpQuery) return { in: 'query', name: traits.httpQuery }
    if (typeof traits !== 'number') return {}
    if (traits & traitBits.label) return { in: 'label', name: member }
    if (traits & traitBits.payload) return { in: 'payload' }
    if (traits & traitBits.status) return { in: 'status' }
    return {}
  }

  const operations = {}
  const all = Object.values(sdk)
    .filter((x) => Array.isArray(x) && x[0] === 9)
    .sort((a, b) => (a[2] < b[2] ? -1 : 1))
  for (const [, , name, traits, input, output] of all) {
    const [method, uri, status] = traits.http
    const [path, query] = uri.split('?')
    operations[name] = {
      method,
      path,
      ...(query && { query: Object.fromEntries(new URLSearchParams(query)) }),
      status,
      input: shape(typeof input === 'function' ? input() : input),
      output: shape(typeof output === 'function' ? output() : output),
      errors: facts.operationErrors[name] ?? [],
      ...differences.operations[name],
    }
  }
  const sorted = Object.fromEntries(Object.entries(shapes).sort(([a], [b]) => (a < b ? -1 : 1)))
  return { operations, shapes: sorted, errors: facts.errors }
}

const scalarTypes = {
  string: 'string',
  integer: 'number',
  double: 'number',
  boolean: 'boolean',
  timestamp: 'number',
  blob: 'Uint8Array',
  document: 'unknown',
}
/** Longer enumerations stay strings: a union of fifty runtimes helps nobody. */
const longestUnion = 12

/** TypeScript declarations of every structure; operations' requests require what the API requires. */
export function generateTypes(model) {
  const typeOf = (name) => {
    const shape = model.shapes[name]
    if (shape.type === 'structure') return name
    if (shape.type === 'list') return `readonly ${wrap(typeOf(shape.value))}[]`
    if (shape.type === 'map') return `Readonly<Record<string, ${typeOf(shape.value)}>>`
    if (shape.enum && shape.enum.length <= longestUnion) return shape.enum.map((v) => `'${v}'`).join(' | ')
    return scalarTypes[shape.type]
  }
  const wrap = (text) => (/[ |]/.test(text) ? `(${text})` : text)
  const interfaces = Object.entries(model.shapes)
    .filter(([, shape]) => shape.type === 'structure')
    .map(([name, shape]) => {
      const members = Object.entries(shape.members).map(([member, { shape: target }]) =>
        shape.required?.includes(member)
          ? `  readonly ${member}: ${typeOf(target)}`
          : `  readonly ${member}?: ${typeOf(target)} | undefined`,
      )
      return members.length === 0
        ? `export type ${name} = object`
        : `export interface ${name} {\n${members.join('\n')}\n}`
    })
  const table = (title, side) =>
    `export interface ${title} {\n${Object.entries(model.operations)
      .map(([name, operation]) => `  ${name}: ${operation[side]}`)
      .join('\n')}\n}`
  return `// Generated by scripts/generate-model.mjs; do not edit. Timestamps are epoch seconds, blobs are bytes.

${interfaces.join('\n\n')}

${table('OperationInputs', 'input')}

${table('OperationOutputs', 'output')}

export type OperationName = keyof OperationInputs
`
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const model = generateModel(JSON.parse(readFileSync(new URL('facts.json', folder), 'utf8')))
  writeFileSync(new URL('lambda.json', folder), `${JSON.stringify(model)}\n`)
  const types = fileURLToPath(new URL('types.ts', folder))
  writeFileSync(types, generateTypes(model))
  execFileSync('biome', ['format', '--write', types], { stdio: 'inherit' })
}
