/**
 * The Runtime API (2018-06-01) of one sandbox as a pure machine over HTTP requests, for runtimes of the package's own.
 * Answers follow AWS's runtime interface emulator: a wrong id is 400, a call out of turn 403, too much 413.
 */
import { limits } from '@weft/contracts'
import type { InvokeHeader } from './frames.ts'
import type { RuntimeMessage } from './runtime-messages.ts'

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
  | { readonly kind: 'waiting' }
  | { readonly kind: 'invoked'; readonly requestId: string }
  | { readonly kind: 'answered'; readonly requestId: string }

const json = (status: number, value: unknown): ApiResponse => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})
const accepted = json(202, { status: 'OK' })
const refusal = (status: number, errorType: string, errorMessage: string): ApiResponse =>
  json(status, { errorMessage, errorType })
const wrongId = refusal(400, 'InvalidRequestID', 'Invalid request ID')
const tooLarge = refusal(
  413,
  'RequestEntityTooLarge',
  `Exceeded maximum allowed payload size (${limits.syncResponseBytes} bytes).`,
)
const outOfTurn = (from: string, to: string): ApiResponse =>
  refusal(403, 'InvalidStateTransition', `Transition from ${from} to ${to} is not allowed for runtime`)

/** AWS passes a runtime's own type on only in this shape. */
const ownType = /^(Runtime|Function)\.[A-Z][a-zA-Z]+$/

export interface ApiStep {
  /** "park": the request is a `next` that waits for its invocation. */
  readonly response: ApiResponse | 'park'
  readonly message?: RuntimeMessage
}

export class RuntimeApi {
  #state: State = { kind: 'booting' }

  /** What a request from inside is answered, and what it means for the environment. */
  request(request: ApiRequest): ApiStep {
    const [, version, api, resource, ...rest] = (request.path.split('?', 1)[0] as string).split('/')
    if (version !== '2018-06-01' || api !== 'runtime') return { response: refusal(404, 'NotFound', 'Not found') }
    if (resource === 'init' && rest[0] === 'error' && rest.length === 1)
      return this.#post(request) ?? this.#initError(request)
    if (resource !== 'invocation') return { response: refusal(404, 'NotFound', 'Not found') }
    if (rest[0] === 'next' && rest.length === 1) {
      if (request.method !== 'GET') return { response: refusal(405, 'MethodNotAllowed', 'Method not allowed') }
      return this.#next()
    }
    const [id = '', verb] = rest
    if (rest.length !== 2 || (verb !== 'response' && verb !== 'error'))
      return { response: refusal(404, 'NotFound', 'Not found') }
    return this.#post(request) ?? this.#answer(id, verb, request)
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
      },
      body: payload,
    }
  }

  /** The connection of the parked `next` is gone: the runtime may ask again. */
  hungUp(): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'answered', requestId: '' }
  }

  #post(request: ApiRequest): ApiStep | undefined {
    return request.method === 'POST' ? undefined : { response: refusal(405, 'MethodNotAllowed', 'Method not allowed') }
  }

  #next(): ApiStep {
    const { kind } = this.#state
    if (kind === 'waiting' || kind === 'invoked') return { response: outOfTurn(kind, 'next') }
    this.#state = { kind: 'waiting' }
    return kind === 'booting' ? { response: 'park', message: { kind: 'ready' } } : { response: 'park' }
  }

  #initError(request: ApiRequest): ApiStep {
    if (this.#state.kind !== 'booting') return { response: outOfTurn(this.#state.kind, 'init error') }
    if (request.cut) return { response: tooLarge }
    return { response: accepted, message: { kind: 'init-error', document: documentOf(request) } }
  }

  #answer(id: string, verb: 'response' | 'error', request: ApiRequest): ApiStep {
    const state = this.#state
    const current = state.kind === 'invoked' || state.kind === 'answered' ? state.requestId : undefined
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
function documentOf({ body, errorType }: ApiRequest): Buffer {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return body
  } catch {
    // A runtime may post anything; what it said is lost, that it failed is not.
  }
  const type = errorType !== undefined && ownType.test(errorType) ? errorType : 'Runtime.Unknown'
  return Buffer.from(JSON.stringify({ errorType: type, errorMessage: '' }))
}
