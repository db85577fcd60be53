import type { EventEmitter } from 'node:events'
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { type AwsError, awsError, err, newRequestId, ok, type Result } from '@weft/contracts'
import { extractTrace, grpcStatusOf, type Logger, withSpan } from '@weft/platform'
import type { Catalogue } from '@weft/registry'
import type { Credentials } from '../../identity/credentials.ts'
import type { CallContext } from '../../operations/context.ts'
import type { Principal } from '../door.ts'
import { authenticate } from './auth.ts'
import { type Decoded, malformed } from './codec.ts'

export interface CallDeps {
  readonly catalogue: Pick<Catalogue, 'account'>
  readonly credentials: Pick<Credentials, 'authenticate'>
  readonly log: Logger
  readonly drain: Drain
}

/** Counts the requests that run, so that a stop can wait for them and not for streams that merely stay open. */
export class Drain {
  #running = 0
  readonly #stop = new AbortController()
  readonly #idle = Promise.withResolvers<void>()

  /** Aborts when the door begins to stop: streams take no more requests then. */
  get stopping(): AbortSignal {
    return this.#stop.signal
  }

  async track<T>(request: Promise<T>): Promise<T> {
    this.#running++
    try {
      return await request
    } finally {
      this.#running--
      this.#settle()
    }
  }

  /** Resolves when no request runs any more. */
  begin(): Promise<void> {
    this.#stop.abort()
    this.#settle()
    return this.#idle.promise
  }

  #settle(): void {
    if (this.#stop.signal.aborted && this.#running === 0) this.#idle.resolve()
  }
}

/** What unary and streaming calls have in common. */
export type SurfaceCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'getAuthContext' | 'getPeer'> &
  EventEmitter

export const principalOf = (call: SurfaceCall, deps: CallDeps): Result<Principal, AwsError> =>
  authenticate(call.metadata, call.getAuthContext().sslPeerCertificate, deps)

/** `10.0.0.1:4711` or `[::1]:4711`. */
function peerAddress(call: SurfaceCall): { readonly sourceIp?: string } {
  const sourceIp = /^\[?(?:::ffff:)?([0-9a-f.:]+?)\]?:\d+$/.exec(call.getPeer())?.[1]
  return sourceIp === undefined ? {} : { sourceIp }
}

/** Aborts when the caller cancels, its deadline passes or its connection breaks. */
export function signalOf(call: SurfaceCall): AbortSignal {
  const abort = new AbortController()
  call.on('cancelled', () => abort.abort())
  return abort.signal
}

export type Run<Request, Response> = (
  context: CallContext,
  request: Request,
  traceparent: string | undefined,
) => Promise<Result<Response, AwsError>>

/** What every request passes: authentication, decoding, a span, and an end to exceptions. */
export async function answerRequest<Request, Response>(
  name: string,
  call: SurfaceCall,
  signal: AbortSignal,
  request: Decoded<Request>,
  requestId: string,
  deps: CallDeps,
  run: Run<Request, Response>,
): Promise<Result<Response, AwsError>> {
  const principal = principalOf(call, deps)
  if (!principal.ok) return principal
  if (request === malformed) return err(awsError('SerializationException', 'The request is not a valid message.'))
  const traceparent = extractTrace(call.metadata)
  const attributes = { 'rpc.system': 'grpc', 'rpc.method': name, 'weft.request_id': requestId }
  try {
    const options = { kind: 'server', parent: traceparent, attributes } as const
    const running = withSpan(`grpc ${name}`, options, async (span) => {
      const result = await run(
        { principal: principal.value, requestId, signal, ...peerAddress(call) },
        request,
        traceparent,
      )
      if (!result.ok) span.fail(result.error.code)
      return result
    })
    return await deps.drain.track(running)
  } catch (error) {
    deps.log.error({ err: error, requestId, method: name }, 'gRPC call failed')
    return err(awsError('ServiceException', 'Internal service error.'))
  }
}

/** A unary method. */
export const unary =
  <Request, Response>(name: string, deps: CallDeps, run: Run<Request, Response>) =>
  (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const requestId = newRequestId()
    const request = call.request as Decoded<Request>
    void answerRequest(name, call, signalOf(call), request, requestId, deps, run).then((result) => {
      if (result.ok) callback(null, result.value)
      else callback(grpcStatusOf(result.error, requestId))
    })
  }

export const mapOk = <A, B>(result: Result<A, AwsError>, map: (value: A) => B): Result<B, AwsError> =>
  result.ok ? ok(map(result.value)) : result
