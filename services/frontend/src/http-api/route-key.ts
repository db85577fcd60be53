/** A route key, read: `$default`, or a method and the segments of a path. */
export interface RouteKey {
  /** Undefined for ANY and for `$default`. */
  readonly method: string | undefined
  /** Undefined for `$default`. */
  readonly segments: readonly Segment[] | undefined
}

export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  /** The rest of the path, one segment at least; only at the end. */
  | { readonly kind: 'greedy'; readonly name: string }

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'ANY'])
const parameter = /^\{([\w.:-]+)(\+)?\}$/

/** Undefined for a text that is no route key. */
export function parseRouteKey(key: string): RouteKey | undefined {
  if (key === '$default') return { method: undefined, segments: undefined }
  const [method = '', path = '', ...more] = key.split(' ')
  if (more.length > 0 || !methods.has(method) || !path.startsWith('/')) return undefined
  const texts = path === '/' ? [] : path.slice(1).split('/')
  const segments: Segment[] = []
  for (const [at, text] of texts.entries()) {
    const named = parameter.exec(text)
    if (named?.[2] !== undefined && at < texts.length - 1) return undefined
    if (named) segments.push({ kind: named[2] === undefined ? 'parameter' : 'greedy', name: named[1] as string })
    else if (text === '' || /[{}]/.test(text)) return undefined
    else segments.push({ kind: 'static', text })
  }
  return { method: method === 'ANY' ? undefined : method, segments }
}

export interface RouteMatch<R> {
  readonly route: R
  readonly pathParameters: Readonly<Record<string, string>>
}

const rank = { static: 0, parameter: 1, greedy: 2 } as const

/**
 * The most specific route for a request (API Gateway's guide, "Create routes for HTTP APIs"): segment by segment a fixed
 * text goes before a parameter and that before the rest of the path; the request's own method goes before ANY; `$default`
 * takes what no other does. `path` is percent-encoded; parameters are decoded.
 */
export function matchRoute<R extends { readonly routeKey: string }>(
  routes: readonly R[],
  method: string,
  path: string,
): RouteMatch<R> | undefined {
  const texts = path.split('/').slice(1)
  if (texts.at(-1) === '') texts.pop()
  let best: { readonly route: R; readonly key: RouteKey } | undefined
  for (const route of routes) {
    const key = parseRouteKey(route.routeKey)
    if (!key || (key.method !== undefined && key.method !== method) || !covers(key.segments, texts)) continue
    if (!best || compare(key, best.key) < 0) best = { route, key }
  }
  return best && { route: best.route, pathParameters: parametersOf(best.key.segments ?? [], texts) }
}

function covers(segments: RouteKey['segments'], texts: readonly string[]): boolean {
  if (!segments) return true
  const greedy = segments.at(-1)?.kind === 'greedy'
  if (greedy ? texts.length < segments.length : texts.length !== segments.length) return false
  return segments.every((segment, at) => segment.kind !== 'static' || segment.text === texts[at])
}

/** Below zero: `a` is more specific. Both cover the same path. */
function compare(a: RouteKey, b: RouteKey): number {
  if (!a.segments || !b.segments) return (a.segments ? 0 : 1) - (b.segments ? 0 : 1)
  const length = Math.min(a.segments.length, b.segments.length)
  for (let at = 0; at < length; at++) {
    const difference = rank[(a.segments[at] as Segment).kind] - rank[(b.segments[at] as Segment).kind]
    if (difference !== 0) return difference
  }
  // The longer one fixes more of the path.
  if (a.segments.length !== b.segments.length) return b.segments.length - a.segments.length
  return (a.method === undefined ? 1 : 0) - (b.method === undefined ? 1 : 0)
}

function parametersOf(segments: readonly Segment[], texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    segments.flatMap((segment, at) => {
      if (segment.kind === 'static') return []
      const text = segment.kind === 'greedy' ? texts.slice(at).join('/') : (texts[at] ?? '')
      return [[segment.name, decoded(text)]]
    }),
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // As it was sent, like a query that cannot be decoded.
    return text
  }
}
