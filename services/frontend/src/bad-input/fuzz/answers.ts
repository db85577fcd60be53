import { lambdaModel } from '@weft/aws'
import { type RefusedOperation, refusedOperations } from '../../operations/refused.ts'
import type { RawResponse } from '../../testing/index.ts'
import type { FuzzedRequest } from './requests.ts'

/** Bodies that are not JSON of the output's members. */
const rawAnswers: ReadonlySet<string> = new Set(['Invoke', 'InvokeWithResponseStream'])
/** Answers with nothing where there is no config, as recorded from AWS, though the model calls its members required. */
const mayBeEmpty: ReadonlySet<string> = new Set(['GetFunctionCodeSigningConfig'])

/** What is wrong with an answer, whatever it answers; undefined when nothing is. */
export function problemOf({ operation }: FuzzedRequest, answer: RawResponse): string | undefined {
  if (!/^[0-9a-f-]{36}$/.test(String(answer.headers['x-amzn-requestid']))) return 'it has no request id'
  if (answer.status >= 200 && answer.status < 300) return problemOfOutput(operation, answer)
  const refused = Object.hasOwn(refusedOperations, operation satisfies string as RefusedOperation)
  const expected = answer.status >= 400 && answer.status < 500
  if (!expected && !(refused && answer.status === 501)) return `its status is ${answer.status}`
  return problemOfError(answer)
}

function problemOfError({ code, text, status }: RawResponse): string | undefined {
  if (code === '') return 'it names no error type'
  const body = parse(text)
  if (typeof body !== 'object' || body === null) return 'it is no JSON object'
  const members = body as Readonly<Record<string, unknown>>
  const modelled = lambdaModel.errors[code]
  const key = modelled ? modelled.message : 'message' in members ? 'message' : 'Message'
  if (typeof members[key] !== 'string' || members[key] === '') return `it has no ${key}`
  if (modelled && modelled.status !== status) return `${code} has the status ${modelled.status}`
  return undefined
}

function problemOfOutput(operation: FuzzedRequest['operation'], { text, status }: RawResponse): string | undefined {
  if (rawAnswers.has(operation) || status === 204) return undefined
  const output = lambdaModel.operations[operation].output
  const inBody = Object.values(lambdaModel.shapes[output]?.members ?? {}).some((member) => member.in === undefined)
  if (!inBody) return undefined
  const body = parse(text)
  if (mayBeEmpty.has(operation) && text === '{}') return undefined
  return mismatch(output, body, operation)
}

/** Where a value is not of its shape. */
function mismatch(shapeName: string, value: unknown, path: string): string | undefined {
  const shape = lambdaModel.shapes[shapeName]
  switch (shape?.type) {
    case 'structure': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path} is no structure`
      const given = value as Readonly<Record<string, unknown>>
      const unknown = Object.keys(given).find((name) => !Object.hasOwn(shape.members ?? {}, name))
      if (unknown !== undefined) return `${path} has a member ${unknown} that the model does not know`
      for (const [name, member] of Object.entries(shape.members ?? {})) {
        if (member.in !== undefined) continue
        if (given[name] === undefined) {
          if (shape.required?.includes(name)) return `${path}.${name} is missing`
          continue
        }
        const problem = mismatch(member.shape, given[name], `${path}.${name}`)
        if (problem) return problem
      }
      return undefined
    }
    case 'list':
      if (!Array.isArray(value)) return `${path} is no list`
      return value.map((item, i) => mismatch(shape.value as string, item, `${path}[${i}]`)).find(Boolean)
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path} is no map`
      return Object.entries(value)
        .map(([key, item]) => mismatch(shape.value as string, item, `${path}.${key}`))
        .find(Boolean)
    case 'string':
    case 'blob':
      return typeof value === 'string' ? undefined : `${path} is no string`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${path} is no boolean`
    case 'integer':
      return Number.isInteger(value) ? undefined : `${path} is no integer`
    case 'double':
    case 'timestamp':
      return typeof value === 'number' ? undefined : `${path} is no number`
    default:
      return undefined
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
