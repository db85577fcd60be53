import type { HttpRoute } from '@weft/contracts'
import type { DoorHead, DoorResponse } from '../doors/door.ts'
import { type Payload1Facts, payload1 } from '../doors/web/payload-1.ts'
import { payload2 } from '../doors/web/payload-2.ts'
import type { ApiPlace } from './api-place.ts'

/** A request on its way through a route. */
export interface Visit {
  readonly head: DoorHead
  readonly place: ApiPlace
  readonly route: HttpRoute
  readonly pathParameters: Readonly<Record<string, string>>
}

/** Who was let in, as the event tells of it: `authorizer` in format 2.0, its older form in 1.0. */
export interface Caller {
  readonly authorizer?: unknown
  readonly olderAuthorizer?: unknown
}

const message = (status: number, text: string): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: text }),
})

/** What API Gateway answers by itself. */
export const answers = {
  notFound: message(404, 'Not Found'),
  forbidden: message(403, 'Forbidden'),
  tooMany: message(429, 'Too Many Requests'),
  internal: message(500, 'Internal Server Error'),
  unavailable: message(503, 'Service Unavailable'),
  tooLarge: message(413, 'Request Entity Too Large'),
  unauthorized: message(401, 'Unauthorized'),
  refused: (text: string) => message(403, text),
} as const

/** Path of a route key, `$default` for that one. */
export const routePathOf = (routeKey: string): string => routeKey.replace(/^\w+ /, '')

/** `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`, with the path given or that of the request. */
export const routeArn = ({ place, head }: Visit, region: string, path = place.routePath): string =>
  `arn:aws:execute-api:${region}:${place.api.accountId}:${place.api.apiId}/${place.stage.stageName}/${path === '$default' ? path : `${head.method}${path}`}`

/** The event of a request, in the format that the function wants. */
export function eventOf(
  { head, place, route, pathParameters }: Visit,
  format: '1.0' | '2.0',
  body: Buffer,
  { authorizer, olderAuthorizer }: Caller,
  traceHeader: string,
  nowMs: number,
): unknown {
  const { api, stage, domainName, domainPrefix, rawPath } = place
  const facts: Omit<Payload1Facts, 'resource'> = {
    ...{ accountId: api.accountId, apiId: api.apiId, domainName, domainPrefix, rawPath, traceHeader },
    ...{ stage: stage.stageName, nowMs },
    ...(Object.keys(pathParameters).length > 0 && { pathParameters }),
    ...(Object.keys(stage.stageVariables).length > 0 && { stageVariables: stage.stageVariables }),
  }
  return format === '2.0'
    ? payload2(head, body, { ...facts, authorizer, routeKey: route.routeKey })
    : payload1(head, body, { ...facts, authorizer: olderAuthorizer, resource: routePathOf(route.routeKey) })
}
