import type { DoorHead } from '../door.ts'
import { bodyOf, clfTime, foldHeaders, forwarded, joinedQuery } from './request-parts.ts'

/** What the event says beside the request itself. */
export interface Payload2Facts {
  /** Of the caller; `anonymous` where nobody is known. */
  readonly accountId: string
  readonly apiId: string
  readonly domainName: string
  readonly domainPrefix: string
  readonly routeKey: string
  readonly stage: string
  /** As the function sees it: percent-encoded, without what led to this door. */
  readonly rawPath: string
  readonly nowMs: number
  readonly traceHeader: string
  readonly authorizer?: unknown
  readonly pathParameters?: Readonly<Record<string, string>>
  readonly stageVariables?: Readonly<Record<string, string>>
}

/**
 * The event of payload format 2.0 (developer guide, "Invoking Lambda function URLs", and API Gateway's guide, "Working with
 * AWS Lambda proxy integrations for HTTP APIs"). Members without a value are left out, as AWS does.
 */
export function payload2(head: DoorHead, body: Buffer, facts: Payload2Facts): unknown {
  const { headers: sent, cookies } = foldHeaders(head.headerList ?? Object.entries(head.headers).flat())
  const headers: Readonly<Record<string, string>> = {
    ...forwarded(head),
    'x-amzn-trace-id': facts.traceHeader,
    ...sent,
  }
  const query = joinedQuery(head.rawQuery)
  const { accountId, apiId, domainName, domainPrefix, routeKey, stage, nowMs } = facts
  const { body: text, isBase64Encoded } = bodyOf(body, headers)
  return {
    version: '2.0',
    routeKey,
    rawPath: facts.rawPath,
    rawQueryString: head.rawQuery,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(query && { queryStringParameters: query }),
    requestContext: {
      accountId,
      apiId,
      ...(facts.authorizer !== undefined && { authorizer: facts.authorizer }),
      domainName,
      domainPrefix,
      http: {
        method: head.method,
        path: facts.rawPath,
        protocol: `HTTP/${head.httpVersion ?? '1.1'}`,
        sourceIp: head.sourceIp ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: head.requestId,
      routeKey,
      stage,
      time: clfTime(nowMs),
      timeEpoch: nowMs,
    },
    ...(facts.pathParameters && { pathParameters: facts.pathParameters }),
    ...(text !== undefined && { body: text }),
    isBase64Encoded,
    ...(facts.stageVariables && { stageVariables: facts.stageVariables }),
  }
}
