import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { coerce, coerceText, TypeMismatch } from './coerce.ts'
import { parseJsonObject } from './json-body.ts'
import { lambdaModel, type Member, shapeOf } from './model/model.ts'
import type { OperationInputs, OperationName } from './model/types.ts'
import type { MatchedRoute } from './route.ts'
import { validateInput } from './validate.ts'

export interface RequestParts extends Pick<MatchedRoute, 'labels' | 'query'> {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

const serialization = (message: string): Result<never, AwsError> => err(awsError('SerializationException', message))

/**
 * Binds a request's labels, query, headers and body to the operation's input and checks their types, not yet their
 * constraints (`validateInput`). Raw payloads are passed through, not copied. Errors: SerializationException.
 */
export function bindRequest<O extends OperationName>(
  operation: O,
  parts: RequestParts,
): Result<OperationInputs[O], AwsError> {
  const shape = shapeOf(lambdaModel.operations[operation].input)
  const members = Object.entries(shape.members ?? {})
  const input: Record<string, unknown> = {}
  const inBody = members.some(([, member]) => member.in === undefined)
  if (inBody) {
    const json = parseJsonObject(parts.body)
    if (!json.ok) return json
    const read = coerce(lambdaModel.operations[operation].input, json.value)
    if (read instanceof TypeMismatch) return serialization(read.text)
    Object.assign(input, read)
  }
  for (const [name, member] of members) {
    const read = readBound(name, member, parts)
    if (read instanceof TypeMismatch) return serialization(read.text)
    if (read !== undefined) input[name] = read
  }
  return ok(input as OperationInputs[O])
}

/** `bindRequest` and `validateInput` in one. */
export function decodeRequest<O extends OperationName>(
  operation: O,
  parts: RequestParts,
): Result<OperationInputs[O], AwsError> {
  const bound = bindRequest(operation, parts)
  if (!bound.ok) return bound
  const problem = validateInput(operation, bound.value)
  return problem ? err(problem) : bound
}

function readBound(name: string, member: Member, parts: RequestParts): unknown {
  switch (member.in) {
    case 'label':
      return parts.labels[name]
    case 'query':
      return readQuery(member, parts)
    case 'header': {
      const text = parts.headers[(member.name as string).toLowerCase()]
      return text === undefined ? undefined : coerceText(member.shape, text, member.name as string)
    }
    case 'payload':
      return readPayload(member, parts.body)
    case 'status':
    case undefined:
      return undefined
  }
}

function readQuery(member: Member, parts: RequestParts): unknown {
  const shape = shapeOf(member.shape)
  const values = parts.query.filter((pair) => pair.name === member.name).map((pair) => pair.value)
  if (values.length === 0) return undefined
  if (shape.type === 'list')
    return values.map((value) => coerceText(shape.value as string, value, member.name as string))
  // Which of two values counts differs between parsers, so neither does.
  if (values.length > 1) return new TypeMismatch(`The query parameter ${member.name} must not be repeated`)
  return coerceText(member.shape, values[0] as string, member.name as string)
}

function readPayload(member: Member, body: Uint8Array): unknown {
  if (shapeOf(member.shape).type === 'blob') return body
  if (body.byteLength === 0) return undefined
  const json = parseJsonObject(body)
  return json.ok ? coerce(member.shape, json.value) : new TypeMismatch(json.error.message)
}
