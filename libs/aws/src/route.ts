import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { lambdaModel, type OperationModel, operationNames } from './model/model.ts'
import type { OperationName } from './model/types.ts'
import { parseQuery, percentDecode, type QueryPair } from './percent.ts'

export interface MatchedRoute {
  readonly operation: OperationName
  /** Percent-decoded once. */
  readonly labels: Readonly<Record<string, string>>
  readonly query: readonly QueryPair[]
}

interface Route {
  readonly operation: OperationName
  readonly model: OperationModel
  readonly segments: readonly { readonly literal?: string; readonly label?: string }[]
}

const tableKey = (method: string, firstSegment: string, count: number): string => `${method} ${firstSegment} ${count}`

/** Routes by method, date and number of segments: a handful in each, those told apart by a query first. */
const table = new Map<string, Route[]>()
for (const operation of operationNames) {
  const model = lambdaModel.operations[operation]
  const parts = model.path.slice(1).split('/')
  const segments = parts.map((part) => (part.startsWith('{') ? { label: part.slice(1, -1) } : { literal: part }))
  const key = tableKey(model.method, parts[0] ?? '', parts.length)
  const routes = table.get(key) ?? []
  routes.push({ operation, model, segments })
  routes.sort((a, b) => weight(b) - weight(a))
  table.set(key, routes)
}

/** A query or a literal segment makes a route more particular than its neighbours. */
function weight(route: Route): number {
  return (route.model.query ? 100 : 0) + route.segments.filter((s) => s.literal !== undefined).length
}

const refused = (message: string): Result<never, AwsError> => err(awsError('ValidationException', message))

/**
 * Finds the operation of a request. `rawPath` and `rawQuery` are as sent. One trailing slash is accepted, as older clients
 * send it. Dot segments are refused: a signature covers the normalised path, so it would not cover the one routed.
 */
export function matchRoute(method: string, rawPath: string, rawQuery: string): Result<MatchedRoute, AwsError> {
  const query = parseQuery(rawQuery)
  if (!query) return refused('The query string is not percent-encoded UTF-8.')
  const path = rawPath.length > 1 && rawPath.endsWith('/') ? rawPath.slice(0, -1) : rawPath
  const segments = path.startsWith('/') ? path.slice(1).split('/') : []
  if (segments.some((segment) => segment === '.' || segment === '..'))
    return refused('The path must not contain dot segments.')
  for (const route of table.get(tableKey(method, segments[0] ?? '', segments.length)) ?? []) {
    const labels = matchSegments(route, segments)
    if (!labels) continue
    if (route.model.query && !hasQuery(query, route.model.query)) continue
    if (labels === 'malformed') return refused('The path is not percent-encoded UTF-8.')
    return ok({ operation: route.operation, labels, query })
  }
  return err(awsError('UnknownOperationException', `No operation answers ${method} on this path.`))
}

const hasQuery = (query: readonly QueryPair[], wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([name, value]) => query.some((pair) => pair.name === name && pair.value === value))

function matchSegments(
  route: Route,
  segments: readonly string[],
): Readonly<Record<string, string>> | 'malformed' | undefined {
  const labels: Record<string, string> = {}
  let malformed = false
  for (const [i, { literal, label }] of route.segments.entries()) {
    const segment = segments[i] ?? ''
    if (literal !== undefined) {
      if (segment !== literal) return undefined
      continue
    }
    if (segment === '') return undefined
    const value = percentDecode(segment)
    if (value === undefined) malformed = true
    else labels[label as string] = value
  }
  return malformed ? 'malformed' : labels
}
