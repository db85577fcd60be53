import { lambdaModel, operationNames } from '@weft/aws'
import fc from 'fast-check'
import type { RawRequest } from '../../testing/index.ts'
import { memberValue, type Pool } from './values.ts'

export interface FuzzedRequest {
  readonly operation: (typeof operationNames)[number]
  readonly request: RawRequest
}

/** How a body is spoilt on its way, if at all. */
const spoil = fc.oneof(
  { weight: 12, arbitrary: fc.constant((body: Buffer) => body) },
  fc.nat(200).map((length) => (body: Buffer) => body.subarray(0, length)),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => (body: Buffer) => Buffer.concat([body, bytes])),
  fc.constant(() => Buffer.from('['.repeat(20_000))),
  fc.constant((body: Buffer) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body])),
)

/** A request of any operation of the API model, valid or nearly so. */
export const requests = (pool: Pool): fc.Arbitrary<FuzzedRequest> =>
  fc.oneof(
    ...operationNames.map((operation) =>
      fc
        .tuple(memberValue(pool, lambdaModel.operations[operation].input), spoil)
        .map(([input, spoilt]) => ({ operation, request: onTheWire(operation, asMembers(input), spoilt) })),
    ),
  )

type Members = Readonly<Record<string, unknown>>
const asMembers = (input: unknown): Members => (typeof input === 'object' && input !== null ? (input as Members) : {})

function onTheWire(
  operation: FuzzedRequest['operation'],
  input: Members,
  spoilt: (body: Buffer) => Buffer,
): RawRequest {
  const model = lambdaModel.operations[operation]
  const members = Object.entries(lambdaModel.shapes[model.input]?.members ?? {})
  const bound = (where: string | undefined) =>
    members.filter(([name, member]) => member.in === where && input[name] !== undefined)
  // A label that is missing would make it the request of another operation, or of none.
  const path = model.path.replaceAll(/\{(\w+)\+?\}/g, (_, name: string) => encode(textOf(input[name])) || 'x')
  const query = [
    ...Object.entries(model.query ?? {}),
    ...bound('query').flatMap(([name, member]) => {
      const value = input[name]
      return (Array.isArray(value) ? value : [value]).map((one) => [member.name ?? name, textOf(one)] as const)
    }),
  ].map(([name, value]) => `${name}=${encode(value)}`)
  const headers = bound('header').map(([name, member]) => [
    (member.name ?? name).toLowerCase(),
    textOf(input[name])
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .trim(),
  ])
  const [payload] = bound('payload')
  const json = Object.fromEntries(bound(undefined).map(([name]) => [name, input[name]]))
  const hasBody = model.method !== 'GET' && model.method !== 'DELETE'
  const body = Buffer.from(payload ? textOf(input[payload[0]]) : hasBody ? JSON.stringify(json) : '')
  return {
    method: model.method,
    path: query.length > 0 ? `${path}?${query.join('&')}` : path,
    headers: Object.fromEntries(headers),
    body: spoilt(body),
  }
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : (JSON.stringify(value) ?? '')

/** As clients encode, the characters too that encodeURIComponent leaves and signatures do not. */
const encode = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
