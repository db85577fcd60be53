import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import {
  type ApiResponse,
  apiBodyBytes,
  type InvokeHeader,
  longestChunkBytes,
  RuntimeApi,
  type RuntimeMessage,
  type StreamEnd,
} from '@weft/sandbox'
import { FrameLink, type InitRequest, type LinkEvent, Pauses, type RuntimeLink } from './runtime-link.ts'

/** Connections that one sandbox may hold open to its Runtime API. */
const mostConnections = 64

/**
 * A runtime of the package's own: INIT travels as a frame to the launcher, which then becomes the package's `bootstrap`
 * and speaks the Runtime API over HTTP.
 */
export class ApiLink implements RuntimeLink {
  readonly closed: Promise<void>
  readonly #launcher: FrameLink
  readonly #listener: Server
  readonly #http: HttpServer
  readonly #api = new RuntimeApi()
  #onEvent: (event: LinkEvent) => void = () => undefined
  #parked: ServerResponse | undefined
  /** An invocation that came while the runtime had lost the connection of its `next`. */
  #waiting: readonly [InvokeHeader, Uint8Array] | undefined
  #settleClosed!: () => void
  /** The request whose body is a streamed answer. */
  #streaming: IncomingMessage | undefined
  readonly #pauses = new Pauses(() => this.#streaming)

  constructor(launcher: Socket, listener: Server) {
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    this.#launcher = new FrameLink(launcher)
    // The launcher hangs up when it becomes the bootstrap; what it says before is about that alone.
    this.#launcher.onEvent((event) => {
      if (event.kind === 'hello' || event.kind === 'init-error' || event.kind === 'violation') this.#onEvent(event)
    })
    this.#listener = listener
    listener.maxConnections = mostConnections
    // A `next` may wait for hours, in a frozen sandbox; the only one harmed by a stalled request is who stalls it.
    this.#http = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, (request, response) =>
      this.#serve(request, response),
    )
    listener.on('connection', (socket: Socket) => this.#http.emit('connection', socket))
  }

  onEvent(listener: (event: LinkEvent) => void): void {
    this.#onEvent = listener
  }

  init(request: InitRequest): void {
    this.#launcher.init(request)
  }

  invoke(header: InvokeHeader, payload: Uint8Array): void {
    const parked = this.#parked
    if (!parked) {
      this.#waiting = [header, payload]
      return
    }
    this.#parked = undefined
    send(parked, this.#api.invoke(header, payload))
  }

  /** What a custom runtime prints comes through its pipes alone. */
  hold(): void {}

  pause(): () => void {
    return this.#pauses.add()
  }

  close(): void {
    this.#launcher.close()
    this.#listener.close()
    this.#http.closeAllConnections()
    this.#http.close()
    this.#settleClosed()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const mode = request.headers['lambda-runtime-function-response-mode']
    if (typeof mode === 'string') this.#serveStream(request, response, mode)
    else this.#serveWhole(request, response)
  }

  #serveStream(request: IncomingMessage, response: ServerResponse, mode: string): void {
    const { method = '', url = '', headers } = request
    const begun = this.#api.beginStream({ method, path: url, mode, contentType: headers['content-type'] })
    request.on('error', () => request.destroy())
    if (!('kind' in begun)) {
      // The body is read and dropped, or the runtime would not read the refusal.
      request.resume()
      send(response, begun)
      return
    }
    const { requestId } = begun
    const end = (how: StreamEnd): void => {
      if (this.#streaming !== request) return
      this.#streaming = undefined
      const { response: answer, message } = this.#api.endStream(how)
      if (answer !== 'park' && !response.destroyed) send(response, answer)
      if (message) this.#tell(message)
    }
    this.#streaming = request
    this.#tell(begun)
    request.on('data', (data: Buffer) => {
      for (let at = 0; at < data.length; at += longestChunkBytes)
        this.#tell({ kind: 'chunk', requestId, payload: data.subarray(at, at + longestChunkBytes) })
    })
    request.on('end', () => {
      const errorType = request.trailers['lambda-runtime-function-error-type']
      const errorBody = request.trailers['lambda-runtime-function-error-body']
      end({ cut: false, errorType, errorBody })
    })
    request.on('close', () => end({ cut: true }))
    if (this.#pauses.any) request.pause()
  }

  #serveWhole(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    let bytes = 0
    let done = false
    const finish = (cut: boolean): void => {
      if (done) return
      done = true
      this.#answer(request, response, Buffer.concat(chunks), cut)
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= apiBodyBytes) chunks.push(chunk)
      // The rest is read and dropped, or the runtime would not read the refusal.
      else finish(true)
    })
    request.on('end', () => finish(false))
    request.on('error', () => {
      done = true
    })
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: Buffer, cut: boolean): void {
    const errorType = request.headers['lambda-runtime-function-error-type']
    const { response: answer, message } = this.#api.request({
      method: request.method ?? '',
      path: request.url ?? '',
      errorType: typeof errorType === 'string' ? errorType : undefined,
      body,
      cut,
    })
    if (!this.#api.streaming) this.#streaming = undefined
    if (answer === 'park') this.#park(response)
    else send(response, answer)
    if (message) this.#tell(message)
    if (answer === 'park' && this.#waiting) {
      const [header, payload] = this.#waiting
      this.#waiting = undefined
      this.invoke(header, payload)
    }
  }

  #park(response: ServerResponse): void {
    this.#parked = response
    response.once('close', () => {
      if (this.#parked !== response) return
      this.#parked = undefined
      this.#api.hungUp()
    })
  }

  #tell(message: RuntimeMessage): void {
    this.#onEvent(message)
  }
}

function send(response: ServerResponse, { status, headers, body }: ApiResponse): void {
  response.writeHead(status, { ...headers, 'Content-Length': body.length })
  response.end(body)
}
