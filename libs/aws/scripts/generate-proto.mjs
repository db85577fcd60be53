// Generates proto/weft/lambda/v1/lambda.proto from the API model: a method for each operation, a message for each
// structure. Field numbers that the file has already stay; new members get the next free one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { clearedField, protoFieldName, protoPackage } from '../src/proto-names.ts'

const modelFile = new URL('../src/model/lambda.json', import.meta.url)
export const protoFile = new URL('../../../proto/weft/lambda/v1/lambda.proto', import.meta.url)

/** Calls have services of their own (weft.v1); the others are of parts of AWS that a fabric has no counterpart of. */
const leftOut = /^Invoke|CapacityProvider|DurableExecution|ScalingConfig/

const scalars = { string: 'string', integer: 'int64', double: 'double', boolean: 'bool', blob: 'bytes' }
const timestamp = 'google.protobuf.Timestamp'

const head = `syntax = "proto3";

// The Lambda API over gRPC: what the REST API takes and answers, member by member, with the same checks, rules and errors.
// Generated from the API model; a request's absent fields are absent members. Authentication and errors are those of
// weft.v1: the AWS code is in the trailing metadata \`weft-error-code\`, and in \`grpc-status-details-bin\` as ErrorInfo.
//
// A list or map that is empty counts as absent. Where it is to be emptied, its field is named in \`${clearedField.name}\`.
package ${protoPackage};

import "google/protobuf/timestamp.proto";
`

/** The text of the file; \`existing\` is what it was before. */
export function generateProto(model, existing) {
  const { operations, shapes } = model
  const numbers = numbersOf(existing)
  const messages = new Map()
  const queue = []
  const typeOf = (name) => {
    const { type } = shapes[name]
    if (type === 'timestamp') return timestamp
    if (scalars[type]) return scalars[type]
    queue.push(name)
    return name
  }
  const field = (name, target) => {
    const shape = shapes[target]
    if (shape.type === 'list') return `repeated ${typeOf(shape.value)} ${name}`
    if (shape.type === 'map') return `map<string, ${typeOf(shape.value)}> ${name}`
    return `${scalars[shape.type] ? 'optional ' : ''}${typeOf(target)} ${name}`
  }
  const message = (name, isRequest) => {
    const shape = shapes[name]
    const known = numbers.get(name) ?? new Map()
    let last = Math.max(0, ...known.values())
    const members = shape.type === 'structure' ? Object.entries(shape.members ?? {}) : [['Values', { shape: name }]]
    const lines = members.map(([member, { shape: target }]) => {
      const fieldName = protoFieldName(member)
      const number = known.get(fieldName) ?? ++last
      return { number, text: `  ${field(fieldName, target)} = ${number};` }
    })
    const kept = new Set(lines.map(({ number }) => number))
    const gone = [...known.values()].filter((number) => !kept.has(number)).sort((a, b) => a - b)
    if (gone.length > 0) lines.push({ number: 0, text: `  reserved ${gone.join(', ')};` })
    const holds = members.some(([, { shape: target }]) => ['list', 'map'].includes(shapes[target].type))
    if (isRequest && holds)
      lines.push({
        number: clearedField.number,
        text: `  repeated string ${clearedField.name} = ${clearedField.number};`,
      })
    lines.sort((a, b) => a.number - b.number)
    const body = lines.map(({ text }) => text)
    return body.length === 0 ? `message ${name} {}` : [`message ${name} {`, ...body, '}'].join('\n')
  }
  const served = Object.entries(operations).filter(([name]) => !leftOut.test(name))
  const requests = new Set(served.map(([, { input }]) => input))
  queue.push(...served.flatMap(([, { input, output }]) => [input, output]))
  for (let name = queue.shift(); name !== undefined; name = queue.shift())
    if (!messages.has(name)) {
      messages.set(name, '')
      messages.set(name, message(name, requests.has(name)))
    }
  const methods = served.map(([name, { input, output }]) => `  rpc ${name}(${input}) returns (${output});`)
  return [head, 'service LambdaService {', ...methods, '}', '', ...interleave([...messages.values()])].join('\n')
}

const interleave = (texts) => texts.flatMap((text) => [text, ''])

/** message → field → number, as a file has them. */
function numbersOf(text) {
  const messages = new Map()
  let current
  for (const line of text.split('\n')) {
    const opened = /^message (\w+) \{$/.exec(line)?.[1]
    if (opened !== undefined) {
      current = new Map()
      messages.set(opened, current)
    }
    const [, name, number] = /(\w+) = (\d+);$/.exec(line) ?? []
    if (name !== undefined && name !== clearedField.name) current?.set(name, Number(number))
    for (const reserved of /^ {2}reserved ([\d, ]+);$/.exec(line)?.[1]?.split(', ') ?? [])
      current?.set(`reserved ${reserved}`, Number(reserved))
  }
  return messages
}

export const existingProto = () => (existsSync(protoFile) ? readFileSync(protoFile, 'utf8') : '')

if (argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(protoFile, generateProto(JSON.parse(readFileSync(modelFile, 'utf8')), existingProto()))
