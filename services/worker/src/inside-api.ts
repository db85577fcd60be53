import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { ApiResponse } from '@weft/sandbox'

/** Connections that one sandbox may hold open to its APIs. */
const mostConnections = 64

export type InsideHandler = (request: IncomingMessage, response: ServerResponse) => void

/** The HTTP server on a sandbox's own loopback, at which programs inside reach the Runtime API and its neighbours. */
export class InsideApi {
  readonly #listener: Server
  readonly #http: HttpServer
  readonly #routes: (readonly [prefix: string, handler: InsideHandler])[] = []

  constructor(listener: Server) {
    this.#listener = listener
    listener.maxConnections = mostConnections
    // A `next` may wait for hours, in a frozen sandbox; the only one harmed by a stalled request is who stalls it.
    this.#http = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, (request, response) =>
      this.#serve(request, response),
    )
    listener.on('connection', (socket: Socket) => this.#http.emit('connection', socket))
  }

  /** Hands requests for paths that begin so to the handler. */
  route(prefix: string, handler: InsideHandler): void {
    this.#routes.push([prefix, handler])
  }

  close(): void {
    this.#listener.close()
    this.#http.closeAllConnections()
    this.#http.close()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const handler = this.#routes.find(([prefix]) => request.url?.startsWith(prefix))?.[1]
    if (handler) handler(request, response)
    else {
      request.resume()
      sendAnswer(response, notFound)
    }
  }
}

const notFound: ApiResponse = {
  status: 404,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from('{"errorMessage":"Not found","errorType":"NotFound"}'),
}

export function sendAnswer(response: ServerResponse, { status, headers, body }: ApiResponse): void {
  response.writeHead(status, { ...headers, 'Content-Length': body.length })
  response.end(body)
}

/** Reads a body of at most so many bytes; `cut` when it went on, in which case the rest is read and dropped. */
export function readBody(
  request: IncomingMessage,
  mostBytes: number,
  done: (body: Buffer, cut: boolean) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  let over = false
  const finish = (cut: boolean): void => {
    if (over) return
    over = true
    done(Buffer.concat(chunks), cut)
  }
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= mostBytes) chunks.push(chunk)
    // The rest is read and dropped, or the program would not read the refusal.
    else finish(true)
  })
  request.on('end', () => finish(false))
  request.on('error', () => {
    over = true
  })
}
