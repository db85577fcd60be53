/**
 * The Runtime API (2018-06-01) of one sandbox as a pure machine over HTTP requests, for runtimes of the package's own.
 * Answers follow AWS's runtime interface emulator: a wrong id is 400, a call out of turn 403, too much 413.
 */
import { limits } from '@weft/contracts'
import type { InvokeHeader } from './frames.ts'
import { contentTypeOf, type RuntimeMessage } from './runtime-messages.ts'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  /** Of the header Lambda-Runtime-Function-Error-Type. */
  readonly errorType?: string | undefined
  readonly body: Buffer
  /** The body went on beyond what was read of it. */
  readonly cut: boolean
}

export interface ApiResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Body bytes that a door reads before it cuts a request off. */
export const apiBodyBytes = limits.syncResponseBytes

type State =
  | { readonly kind: 'booting' }
  /** With SnapStart: it waits to be restored, and then runs its hooks. */
  | { readonly kind: 'initialised' }
  | { readonly kind: 'restoring' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'invoked'; readonly requestId: string }
  | { readonly kind: 'streaming'; readonly requestId: string }
  | { readonly kind: 'answered'; readonly requestId: string }

const json = (status: number, value: unknown): ApiResponse => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})
const accepted = json(202, { status: 'OK' })
const refusal = (status: number, errorType: string, errorMessage: string): ApiResponse =>
  json(status, { errorMessage, errorType })
const wrongMethod = refusal(405, 'MethodNotAllowed', 'Method not allowed')
const wrongId = refusal(400, 'InvalidRequestID', 'Invalid request ID')
const tooLarge = refusal(
  413,
  'RequestEntityTooLarge',
  `Exceeded maximum allowed payload size (${limits.syncResponseBytes} bytes).`,
)
const outOfTurn = (from: string, to: string): ApiResponse =>
  refusal(403, 'InvalidStateTransition', `Transition from ${from} to ${to} is not allowed for runtime`)

const truncated = refusal(400, 'Runtime.TruncatedResponse', 'Response body is truncated')
const badMode = refusal(
  400,
  'Runtime.InvalidResponseModeHeader',
  'The header Lambda-Runtime-Function-Response-Mode must be "streaming"',
)

/** AWS passes a runtime's own type on only in this shape. */
const ownType = /^(Runtime|Function)\.[A-Z][a-zA-Z]+$/

export interface ApiStep {
  /** "park": the request is a `next` that waits for its invocation. */
  readonly response: ApiResponse | 'park'
  readonly message?: RuntimeMessage
}

/** The head of a POST with an answer, when it says in which mode it comes. */
export interface StreamHead {
  readonly method: string
  readonly path: string
  /** Of the header Lambda-Runtime-Function-Response-Mode. */
  readonly mode: string
  readonly contentType: string | undefined
}

/** Trailers of a streamed answer; `cut`: the request broke off before its end. */
export type StreamEnd =
  | { readonly cut: false; readonly errorType: string | undefined; readonly errorBody: string | undefined }
  | { readonly cut: true }

export class RuntimeApi {
  #state: State = { kind: 'booting' }
  /** Whether the environment is one with SnapStart; to be set before the runtime starts. */
  snapStart = false

  /** What a request from inside is answered, and what it means for the environment. */
  request(request: ApiRequest): ApiStep {
    const [, version, api, resource, ...rest] = (request.path.split('?', 1)[0] as string).split('/')
    if (version !== '2018-06-01' || api !== 'runtime') return { response: refusal(404, 'NotFound', 'Not found') }
    if (resource === 'init' && rest[0] === 'error' && rest.length === 1)
      return this.#post(request) ?? this.#initError(request)
    if (resource === 'restore' && rest.length === 1) {
      if (rest[0] === 'next') return request.method === 'GET' ? this.#restoreNext() : { response: wrongMethod }
      if (rest[0] === 'error') return this.#post(request) ?? this.#restoreError(request)
    }
    if (resource !== 'invocation') return { response: refusal(404, 'NotFound', 'Not found') }
    if (rest[0] === 'next' && rest.length === 1) {
      if (request.method !== 'GET') return { response: wrongMethod }
      return this.#next()
    }
    const [id = '', verb] = rest
    if (rest.length !== 2 || (verb !== 'response' && verb !== 'error'))
      return { response: refusal(404, 'NotFound', 'Not found') }
    return this.#post(request) ?? this.#answer(id, verb, request)
  }

  /** Whether the body that follows is streamed: a begin to tell of, or the answer to a request that is not to go on. */
  beginStream(head: StreamHead): Extract<RuntimeMessage, { kind: 'begin' }> | ApiResponse {
    const [, version, api, resource, id, verb, ...rest] = (head.path.split('?', 1)[0] as string).split('/')
    if (version !== '2018-06-01' || api !== 'runtime' || resource !== 'invocation' || verb !== 'response' || rest[0])
      return refusal(404, 'NotFound', 'Not found')
    if (head.method !== 'POST') return wrongMethod
    const state = this.#state
    const current = 'requestId' in state ? state.requestId : undefined
    if (id === undefined || id !== current) return wrongId
    if (state.kind !== 'invoked') return outOfTurn(state.kind, 'response')
    if (head.mode.toLowerCase() !== 'streaming') return badMode
    this.#state = { kind: 'streaming', requestId: id }
    return { kind: 'begin', requestId: id, contentType: contentTypeOf(head.contentType) }
  }

  /** A body is being streamed. */
  get streaming(): boolean {
    return this.#state.kind === 'streaming'
  }

  /** The body has ended; only after `beginStream` said that it is streamed. */
  endStream(end: StreamEnd): ApiStep {
    if (this.#state.kind !== 'streaming') throw new Error(`a runtime that is ${this.#state.kind} ends no stream`)
    const { requestId } = this.#state
    this.#state = { kind: 'answered', requestId }
    const error = (document: Buffer): RuntimeMessage => ({ kind: 'error', requestId, document, fatal: false })
    if (end.cut) return { response: truncated, message: error(Buffer.from(truncated.body)) }
    if (end.errorType === undefined) return { response: accepted, message: { kind: 'end', requestId } }
    const body = Buffer.from(end.errorBody ?? '', 'base64')
    return { response: accepted, message: error(documentOf({ body, errorType: end.errorType })) }
  }

  /**
   * The environment is restored: the answer to the parked `restore/next`, after which the runtime runs its hooks and asks for
   * its first invocation. Undefined for a runtime without hooks, which waits for that already.
   */
  restore(): ApiResponse | undefined {
    if (this.#state.kind !== 'initialised') return undefined
    this.#state = { kind: 'restoring' }
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Buffer.alloc(0) }
  }

  /** The runtime has asked for its next invocation. */
  get waiting(): boolean {
    return this.#state.kind === 'waiting'
  }

  /** The answer to the parked `next`. */
  invoke(header: InvokeHeader, payload: Uint8Array): ApiResponse {
    if (this.#state.kind !== 'waiting') throw new Error(`a runtime that is ${this.#state.kind} takes no invocation`)
    this.#state = { kind: 'invoked', requestId: header.requestId }
    return {
      status: 200,
      headers: {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': header.requestId,
        'Lambda-Runtime-Deadline-Ms': `${Math.round(header.deadlineMs)}`,
        'Lambda-Runtime-Invoked-Function-Arn': header.invokedFunctionArn,
        ...(header.traceId !== undefined && { 'Lambda-Runtime-Trace-Id': headerText(header.traceId) }),
        ...(header.clientContext !== undefined && {
          'Lambda-Runtime-Client-Context': headerText(header.clientContext),
        }),
        ...(header.tenantId !== undefined && { 'Lambda-Runtime-Aws-Tenant-Id': header.tenantId }),
      },
      body: payload,
    }
  }

  /** The connection of the parked `next`, of either kind, is gone: the runtime may ask again. */
  hungUp(): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'answered', requestId: '' }
    else if (this.#state.kind === 'initialised') this.#state = { kind: 'booting' }
  }

  #post(request: ApiRequest): ApiStep | undefined {
    return request.method === 'POST' ? undefined : { response: wrongMethod }
  }

  #restoreNext(): ApiStep {
    const { kind } = this.#state
    if (kind !== 'booting' || !this.snapStart) return { response: outOfTurn(kind, 'restore next') }
    this.#state = { kind: 'initialised' }
    return { response: 'park', message: { kind: 'ready' } }
  }

  #restoreError(request: ApiRequest): ApiStep {
    if (this.#state.kind !== 'restoring') return { response: outOfTurn(this.#state.kind, 'restore error') }
    if (request.cut) return { response: tooLarge }
    return { response: accepted, message: { kind: 'restore-error', document: documentOf(request) } }
  }

  #next(): ApiStep {
    const { kind } = this.#state
    if (kind === 'waiting' || kind === 'invoked' || kind === 'initialised') return { response: outOfTurn(kind, 'next') }
    // Broken off, and the end of its connection not noticed yet.
    const given = kind === 'streaming' ? this.endStream({ cut: true }).message : undefined
    this.#state = { kind: 'waiting' }
    const told = kind === 'booting' ? 'ready' : kind === 'restoring' ? 'restored' : 'next'
    return { response: 'park', message: given ?? { kind: told } }
  }

  #initError(request: ApiRequest): ApiStep {
    if (this.#state.kind !== 'booting') return { response: outOfTurn(this.#state.kind, 'init error') }
    if (request.cut) return { response: tooLarge }
    return { response: accepted, message: { kind: 'init-error', document: documentOf(request) } }
  }

  #answer(id: string, verb: 'response' | 'error', request: ApiRequest): ApiStep {
    const state = this.#state
    const current = 'requestId' in state ? state.requestId : undefined
    if (id !== current) return { response: wrongId }
    if (state.kind !== 'invoked') return { response: outOfTurn(state.kind, verb) }
    this.#state = { kind: 'answered', requestId: id }
    if (request.cut) return { response: tooLarge, message: { kind: 'oversize', requestId: id } }
    return {
      response: accepted,
      message:
        verb === 'response'
          ? { kind: 'response', requestId: id, payload: request.body }
          : { kind: 'error', requestId: id, document: documentOf(request), fatal: false },
    }
  }
}

/** JSON text as a header may carry it: white space on one line, other characters escaped as JSON escapes them. */
const headerText = (text: string): string =>
  text
    .replace(/[\r\n\t]/g, ' ')
    .replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The document as sent; one that is no JSON object becomes one, with the type from the header. */
function documentOf({ body, errorType }: Pick<ApiRequest, 'body' | 'errorType'>): Buffer {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return body
  } catch {
    // A runtime may post anything; what it said is lost, that it failed is not.
  }
  const type = errorType !== undefined && ownType.test(errorType) ? errorType : 'Runtime.Unknown'
  return Buffer.from(JSON.stringify({ errorType: type, errorMessage: '' }))
}
