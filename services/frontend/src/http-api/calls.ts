import { newRequestId } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { DoorRequest } from '../doors/door.ts'
import type { Authorizer } from '../identity/authorizer.ts'
import type { HttpApiDirectory } from './directory.ts'
import { type ApiProblem, badRequest } from './members.ts'

export interface HttpApisDeps {
  readonly directory: HttpApiDirectory
  readonly authorizer: Authorizer
  readonly clock: Pick<Clock, 'now'>
  readonly region: string
  /** Where requests for an API go: `http://<id>.execute-api.<region>.<domain>:<port>`. */
  readonly endpoint: (apiId: string) => string
}

/** One call of the management API. */
export interface ApiCall {
  readonly request: DoorRequest
  /** Of the path after `/v2/`, decoded. */
  readonly path: readonly string[]
  readonly body: Readonly<Record<string, unknown>>
  readonly query: URLSearchParams
  readonly deps: HttpApisDeps
}

/** Nothing: 204. */
export type ApiAnswer =
  | { readonly status: 200 | 201; readonly body: object }
  | { readonly status: 204 }
  | { readonly problem: ApiProblem }

/** What is asked by method and shape of path; undefined when it is for another. */
export type ApiOperations = (call: ApiCall) => Promise<ApiAnswer> | undefined

/** A page of a list, as all lists are given. */
export function page(items: readonly object[], query: URLSearchParams): ApiAnswer {
  const most = Number(query.get('maxResults') ?? 100)
  const from = Number(query.get('nextToken') ?? 0)
  if (!Number.isInteger(most) || most < 1 || !Number.isInteger(from) || from < 0)
    return { problem: badRequest('Invalid value for maxResults or nextToken.') }
  const next = from + most
  return { status: 200, body: { items: items.slice(from, next), ...(next < items.length && { nextToken: `${next}` }) } }
}

/** An id of ten letters and digits, as APIs have; of seven, as their parts have. */
export const newId = (length: 7 | 10): string =>
  BigInt(`0x${newRequestId().replaceAll('-', '')}`)
    .toString(36)
    .slice(-length)
