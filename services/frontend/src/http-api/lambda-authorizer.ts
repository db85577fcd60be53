import type { HttpRequestAuthorizer } from '@weft/contracts'
import { compilePolicy, evaluate } from '@weft/policy'
import { readQuery } from '../doors/web/request-parts.ts'
import { isObject } from '../doors/web/web-answer.ts'
import { routePathOf, type Visit } from './visit.ts'

/** Members of `$context` that a request is known by. */
const contextOf = ({ head, place, route }: Visit): Readonly<Record<string, string | undefined>> => ({
  apiId: place.api.apiId,
  domainName: place.domainName,
  httpMethod: head.method,
  path: place.rawPath,
  routeKey: route.routeKey,
  stage: place.stage.stageName,
  'identity.sourceIp': head.sourceIp,
  'identity.userAgent': head.headers['user-agent'],
})

/** Values of the identity sources; undefined when one is missing: the function is not asked then. */
export function identityOf(visit: Visit, sources: readonly string[]): readonly string[] | undefined {
  const values = sources.map((source) => sourceValue(visit, source))
  return values.every((value): value is string => value !== undefined && value !== '') ? values : undefined
}

function sourceValue(visit: Visit, source: string): string | undefined {
  const { headers, rawQuery } = visit.head
  const { stageVariables } = visit.place.stage
  const sources = /^\$(request\.header|request\.querystring|context|stageVariables)\.(.+)$/
  const [, place = '', member = ''] = sources.exec(source) ?? []
  switch (place) {
    case 'request.header':
      return headers[member.toLowerCase()]
    case 'request.querystring':
      return readQuery(rawQuery).find(([one]) => one === member)?.[1]
    case 'context':
      return contextOf(visit)[member]
    case 'stageVariables':
      return Object.hasOwn(stageVariables, member) ? stageVariables[member] : undefined
    default:
      return undefined
  }
}

/** What an authorizer's function is asked with: the request's event without its body, and what identifies the caller. */
export function authorizerEvent(
  visit: Visit,
  event: object,
  { authorizerPayloadFormatVersion: version }: HttpRequestAuthorizer,
  identity: readonly string[],
  arn: string,
): unknown {
  const { body: _body, isBase64Encoded: _encoded, version: _version, ...request } = event as Record<string, unknown>
  if (version === '2.0') return { version, type: 'REQUEST', routeArn: arn, identitySource: identity, ...request }
  const token = identity.join(',')
  const resource = routePathOf(visit.route.routeKey)
  return {
    version,
    type: 'REQUEST',
    methodArn: arn,
    identitySource: token,
    authorizationToken: token,
    ...request,
    resource,
  }
}

/** What an authorizer's function has said. */
export interface Verdict {
  allows(arn: string): boolean
  readonly context: Readonly<Record<string, unknown>>
  readonly principalId: string | undefined
}

/** Undefined for an answer that is none. */
export function readVerdict(
  payload: Uint8Array,
  { enableSimpleResponses }: HttpRequestAuthorizer,
): Verdict | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isObject(answer)) return undefined
  const { context = {}, principalId, policyDocument, isAuthorized } = answer
  if (!isObject(context)) return undefined
  if (enableSimpleResponses)
    return typeof isAuthorized === 'boolean'
      ? { allows: () => isAuthorized, context, principalId: undefined }
      : undefined
  const policy = compilePolicy(policyDocument, 'identity')
  if (!policy.ok || typeof principalId !== 'string') return undefined
  const allows = (resource: string): boolean =>
    evaluate([policy.value], { subject: {}, action: 'execute-api:Invoke', resource, context: () => undefined }).kind ===
    'allow'
  return { allows, context, principalId }
}
