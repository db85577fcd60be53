import type { DoorHead } from '../door.ts'
import { bodyOf, clfTime, foldHeaders, forwarded, readQuery } from './request-parts.ts'
import { isObject, type WebAnswer, webHead } from './web-answer.ts'

export interface Payload1Facts {
  readonly accountId: string
  readonly apiId: string
  readonly domainName: string
  readonly domainPrefix: string
  /** Path of the route, with its parameters in braces; `$default` has none. */
  readonly resource: string
  readonly stage: string
  readonly rawPath: string
  readonly nowMs: number
  readonly traceHeader: string
  readonly authorizer?: unknown
  readonly pathParameters?: Readonly<Record<string, string>>
  readonly stageVariables?: Readonly<Record<string, string>>
}

/** The event of payload format 1.0 (API Gateway's guide, "Working with AWS Lambda proxy integrations for HTTP APIs"). */
export function payload1(head: DoorHead, body: Buffer, facts: Payload1Facts): unknown {
  const raw = head.headerList ?? Object.entries(head.headers).flat()
  const added = { ...forwarded(head), 'x-amzn-trace-id': facts.traceHeader }
  const sent = grouped(pairsOf(raw).map(([name, value]) => [name.toLowerCase(), value]))
  const multiValueHeaders = { ...grouped(Object.entries(added)), ...sent }
  const query = readQuery(head.rawQuery)
  const { body: text, isBase64Encoded } = bodyOf(body, foldHeaders(raw).headers)
  const { accountId, apiId, domainName, domainPrefix, resource, stage, rawPath, nowMs } = facts
  return {
    version: '1.0',
    resource,
    path: rawPath,
    httpMethod: head.method,
    headers: lastOf(multiValueHeaders),
    multiValueHeaders,
    queryStringParameters: query.length > 0 ? lastOf(grouped(query)) : null,
    multiValueQueryStringParameters: query.length > 0 ? grouped(query) : null,
    requestContext: {
      accountId,
      apiId,
      ...(facts.authorizer !== undefined && { authorizer: facts.authorizer }),
      domainName,
      domainPrefix,
      extendedRequestId: head.requestId,
      httpMethod: head.method,
      identity: {
        ...{ accessKey: null, accountId: null, caller: null, cognitoAmr: null, cognitoAuthenticationProvider: null },
        ...{ cognitoAuthenticationType: null, cognitoIdentityId: null, cognitoIdentityPoolId: null },
        principalOrgId: null,
        sourceIp: head.sourceIp ?? '',
        user: null,
        userAgent: lastOf(multiValueHeaders)['user-agent'] ?? '',
        userArn: null,
      },
      path: rawPath,
      protocol: `HTTP/${head.httpVersion ?? '1.1'}`,
      requestId: head.requestId,
      requestTime: clfTime(nowMs),
      requestTimeEpoch: nowMs,
      resourceId: null,
      resourcePath: resource,
      stage,
    },
    pathParameters: facts.pathParameters ?? null,
    stageVariables: facts.stageVariables ?? null,
    body: text ?? null,
    isBase64Encoded,
  }
}

/** A response of payload format 1.0: an object with `statusCode`, and nothing else is one. */
export function webAnswer1(payload: Uint8Array, defaultType: string): WebAnswer | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isObject(value) || value.statusCode === undefined) return undefined
  const { body = '', isBase64Encoded = false, multiValueHeaders = {}, headers = {}, statusCode } = value
  if (!isObject(multiValueHeaders) || !isObject(headers)) return undefined
  const { cookies, others } = separate({ ...headers, ...multiValueHeaders })
  const head = webHead({ statusCode, headers: others, cookies }, defaultType)
  if (!head || (typeof body !== 'string' && body !== null) || typeof isBase64Encoded !== 'boolean') return undefined
  return { ...head, body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8') }
}

/** Set-Cookie cannot be joined; any other header with several values can. */
function separate(headers: Readonly<Record<string, unknown>>) {
  const cookies: unknown[] = []
  const others: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(headers)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (name.toLowerCase() === 'set-cookie') cookies.push(...values)
    else others[name] = Array.isArray(value) ? value.map(String).join(', ') : value
  }
  return { cookies, others }
}

const pairsOf = (raw: readonly string[]): readonly (readonly [string, string])[] =>
  raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []))

function grouped(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, readonly string[]>> {
  const groups = new Map<string, string[]>()
  for (const [name, value] of pairs) groups.set(name, [...(groups.get(name) ?? []), value])
  return Object.fromEntries(groups)
}

const lastOf = (groups: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(groups).map(([name, values]) => [name, values.at(-1) ?? '']))
