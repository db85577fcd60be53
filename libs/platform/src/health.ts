import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a part says about itself. */
export interface HealthSource {
  readonly service: string
  /** Empty when all is well; otherwise one sentence for each thing that is wrong. */
  problems(): readonly string[]
  /** True from the beginning of a graceful stop: not ready, though nothing is wrong. */
  stopping?(): boolean
  /** Facts worth seeing, such as the durability mode. JSON values; no secrets. */
  details?(): Readonly<Record<string, unknown>>
}

export interface HealthReport {
  readonly service: string
  readonly status: 'ok' | 'degraded' | 'stopping'
  readonly problems: readonly string[]
  readonly details?: Readonly<Record<string, unknown>>
  readonly services?: readonly HealthReport[]
}

export interface HealthOptions extends HealthSource {
  /** Other services of the same process, reported one by one; a problem of theirs is one of the whole. */
  readonly parts?: () => readonly HealthSource[]
  /** Text for GET /metrics in the Prometheus exposition format; without it the path is not found. */
  readonly metrics?: () => Promise<string> | string
  /** Answers GET /invocations/<request id>; without it the path is not found. */
  readonly lookup?: (req: IncomingMessage, res: ServerResponse) => void
}

const reportOne = (source: HealthSource): HealthReport => {
  const problems = source.problems()
  const status = source.stopping?.() ? 'stopping' : problems.length > 0 ? 'degraded' : 'ok'
  return { service: source.service, status, problems, ...(source.details && { details: source.details() }) }
}

export function healthReport(options: HealthOptions): HealthReport {
  const own = reportOne(options)
  const services = options.parts?.().map(reportOne)
  if (!services) return own
  const problems = [...own.problems, ...services.flatMap((s) => s.problems.map((p) => `${s.service}: ${p}`))]
  const stopping = own.status === 'stopping' || services.some((s) => s.status === 'stopping')
  return { ...own, status: stopping ? 'stopping' : problems.length > 0 ? 'degraded' : 'ok', problems, services }
}

const lookupPath = /^\/invocations\/[0-9a-f-]{36}$/

const send = (res: ServerResponse, status: number, type: string, body: string): void => {
  res.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  res.end(body)
}

/**
 * Answers GET and HEAD of `/healthz`, `/readyz` and `/metrics` and returns true, or returns false for any other path.
 * `/healthz/<service>` and `/readyz/<service>` tell of one part alone.
 *
 * `/healthz` is 200 as long as the process answers: it tells what is wrong, and a supervisor that restarts on its
 * failure must not restart the fabric because the bus is away. `/readyz` is 503 while anything is wrong or stopping.
 */
export function healthHandler(options: HealthOptions): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    const path = req.url?.split('?', 1)[0]
    if (options.lookup && lookupPath.test(path ?? '')) {
      options.lookup(req, res)
      return true
    }
    const [, kind, name] = /^\/(healthz|readyz)(?:\/([\w-]+))?$/.exec(path ?? '') ?? []
    const source = name === undefined ? options : options.parts?.().find(({ service }) => service === name)
    if ((kind === undefined || !source) && !(path === '/metrics' && options.metrics)) return false
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD')
      send(res, 405, 'text/plain', 'method not allowed\n')
      return true
    }
    if (path === '/metrics' && options.metrics) {
      Promise.resolve()
        .then(options.metrics)
        .then(
          (text) => send(res, 200, 'text/plain; version=0.0.4; charset=utf-8', text),
          () => send(res, 500, 'text/plain', 'metrics could not be collected\n'),
        )
      return true
    }
    const report = healthReport(source ?? options)
    const status = kind === 'readyz' && report.status !== 'ok' ? 503 : 200
    send(res, status, 'application/json', `${JSON.stringify(report)}\n`)
    return true
  }
}

export interface HealthServer extends AsyncDisposable {
  readonly port: number
}

/** Serves the health paths alone. `fallback` takes the other paths, 404 without it. */
export async function startHealthServer(
  options: HealthOptions & {
    readonly port: number
    readonly host?: string
    readonly fallback?: (req: IncomingMessage, res: ServerResponse) => void
  },
): Promise<HealthServer> {
  const handle = healthHandler(options)
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (req, res) => {
    if (handle(req, res)) return
    if (options.fallback) options.fallback(req, res)
    else send(res, 404, 'text/plain', 'not found\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host ?? '127.0.0.1', () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
