import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  apiBodyBytes,
  type InvokeHeader,
  longestChunkBytes,
  RuntimeApi,
  type RuntimeMessage,
  type StreamEnd,
} from '@weft/sandbox'
import { type InsideApi, readBody, sendAnswer } from './inside-api.ts'
import { type InitRequest, type LinkEvent, Pauses, type RuntimeLink } from './runtime-link.ts'

/** Turns INIT into the program that speaks the Runtime API. What it says itself is about that alone. */
export interface Launcher {
  init(request: InitRequest): void
  onEvent(listener: (event: LinkEvent) => void): void
  close(): void
}

/**
 * A runtime of the function's own, which speaks the Runtime API over HTTP: the `bootstrap` of a package, which a launcher
 * in the sandbox turns into when INIT reaches it as a frame, or the program of an image.
 */
export class ApiLink implements RuntimeLink {
  readonly closed: Promise<void>
  readonly #launcher: Launcher
  readonly #api = new RuntimeApi()
  #onEvent: (event: LinkEvent) => void = () => undefined
  #parked: ServerResponse | undefined
  /** An invocation that came while the runtime had lost the connection of its `next`. */
  #waiting: readonly [InvokeHeader, Uint8Array] | undefined
  #settleClosed!: () => void
  /** The request whose body is a streamed answer. */
  #streaming: IncomingMessage | undefined
  readonly #pauses = new Pauses(() => this.#streaming)

  constructor(launcher: Launcher, inside: InsideApi) {
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    this.#launcher = launcher
    // A launcher inside hangs up when it becomes the bootstrap.
    this.#launcher.onEvent((event) => {
      if (event.kind === 'hello' || event.kind === 'init-error' || event.kind === 'violation') this.#onEvent(event)
    })
    inside.route('/2018-06-01/runtime/', (request, response) => this.#serve(request, response))
  }

  get waiting(): boolean {
    return this.#api.waiting
  }

  onEvent(listener: (event: LinkEvent) => void): void {
    this.#onEvent = listener
  }

  init(request: InitRequest): void {
    this.#api.snapStart = request.snapStart
    this.#launcher.init(request)
  }

  restore(): void {
    const answer = this.#api.restore()
    const parked = this.#parked
    if (answer && parked) {
      this.#parked = undefined
      sendAnswer(parked, answer)
    }
    // A runtime without hooks waits for its first invocation already.
    else this.#tell({ kind: 'restored' })
  }

  invoke(header: InvokeHeader, payload: Uint8Array): void {
    const parked = this.#parked
    if (!parked) {
      this.#waiting = [header, payload]
      return
    }
    this.#parked = undefined
    sendAnswer(parked, this.#api.invoke(header, payload))
  }

  /** What a custom runtime prints comes through its pipes alone. */
  hold(): void {}

  pause(): () => void {
    return this.#pauses.add()
  }

  close(): void {
    this.#launcher.close()
    this.#settleClosed()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const mode = request.headers['lambda-runtime-function-response-mode']
    if (typeof mode === 'string') this.#serveStream(request, response, mode)
    else readBody(request, apiBodyBytes, (body, cut) => this.#answer(request, response, body, cut))
  }

  #serveStream(request: IncomingMessage, response: ServerResponse, mode: string): void {
    const { method = '', url = '', headers } = request
    const begun = this.#api.beginStream({ method, path: url, mode, contentType: headers['content-type'] })
    request.on('error', () => request.destroy())
    if (!('kind' in begun)) {
      // The body is read and dropped, or the runtime would not read the refusal.
      request.resume()
      sendAnswer(response, begun)
      return
    }
    const { requestId } = begun
    const end = (how: StreamEnd): void => {
      if (this.#streaming !== request) return
      this.#streaming = undefined
      const { response: answer, message } = this.#api.endStream(how)
      if (answer !== 'park' && !response.destroyed) sendAnswer(response, answer)
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
    else sendAnswer(response, answer)
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
