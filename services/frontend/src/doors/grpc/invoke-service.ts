import type { ServerDuplexStream } from '@grpc/grpc-js'
import { awsError, err, newRequestId } from '@weft/contracts'
import type {
  CancelInvocationRequest,
  GetInvocationRequest,
  InvokeRequest,
  InvokeResponse,
  InvokeServiceServer,
  InvokeStreamResponse,
  PublishRequest,
  PublishResponse,
} from '@weft/contracts/api/invoke'
import type { TrackedEntry } from '@weft/delivery'
import { grpcStatusOf } from '@weft/platform'
import type {
  CallContext,
  InvokeInput,
  InvokeOutput,
  Operation,
  PublishInput,
  PublishOutput,
} from '../../operations/context.ts'
import type { Tracking } from '../../operations/track-call.ts'
import { arnOf, type Invocations } from '../weft/invocations.ts'
import { answerRequest, type CallDeps, mapOk, principalOf, signalOf, unary } from './calls.ts'
import { type Decoded, malformed } from './codec.ts'
import { invocationMessage, trackingIn } from './invocation-messages.ts'
import { serveResponseStream } from './response-stream.ts'
import { errorMessageOf } from './status.ts'

export interface InvokeOperations {
  readonly invoke: Operation<InvokeInput, InvokeOutput>
  readonly publish: Operation<PublishInput, PublishOutput>
  /** Of invocations whose results are kept. */
  readonly invocations: Invocations
}

/** Requests of one stream that run at the same time; further ones wait unread, which holds the sender back. */
const streamConcurrency = 1_000

export function invokeService(operations: InvokeOperations, deps: CallDeps, region: string): InvokeServiceServer {
  const invoke = async (context: CallContext, request: InvokeRequest, traceparent: string | undefined) =>
    mapOk(await operations.invoke(context, invokeInput(request, traceparent)), (output) =>
      invokeResponse(output, context.requestId),
    )
  const { invocations } = operations
  const publish = async (context: CallContext, request: PublishRequest, traceparent: string | undefined) => {
    const input = publishInput(request, traceparent)
    const tracking = trackingIn(request)
    if (!tracking) return mapOk(await operations.publish(context, input), (output): PublishResponse => output)
    if (input.deduplicationId !== undefined)
      return err(
        awsError('InvalidParameterValueException', 'A deduplication id does not go with a result that is kept.'),
      )
    const accepted = await operations.invoke(context, { ...input, invocationType: 'Event', logTail: false, tracking })
    return mapOk(accepted, (output): PublishResponse => {
      const { requestId = context.requestId } = output.kind === 'accepted' ? output : {}
      return { requestId, duplicate: requestId !== context.requestId }
    })
  }
  const describe = (entry: TrackedEntry) => invocationMessage(entry, arnOf(entry.invocation, region))
  return {
    invoke: unary('Invoke', deps, invoke),
    publish: unary('Publish', deps, publish),
    getInvocation: unary('GetInvocation', deps, async (context, { requestId }: GetInvocationRequest) =>
      mapOk(await invocations.get({ ...context, requestId }), describe),
    ),
    cancelInvocation: unary('CancelInvocation', deps, async (context, { requestId }: CancelInvocationRequest) =>
      mapOk(await invocations.cancel({ ...context, requestId }), describe),
    ),
    invokeStream: (call) => serveStream(call, deps, invoke),
    invokeWithResponseStream: serveResponseStream(operations.invoke, deps, invokeInput),
  }
}

type Invoke = (
  context: CallContext,
  request: InvokeRequest,
  traceparent: string | undefined,
) => ReturnType<typeof answerRequest<InvokeRequest, InvokeResponse>>

function serveStream(
  call: ServerDuplexStream<InvokeRequest, InvokeStreamResponse>,
  deps: CallDeps,
  invoke: Invoke,
): void {
  const principal = principalOf(call, deps)
  if (!principal.ok) {
    call.emit('error', grpcStatusOf(principal.error, newRequestId()))
    return
  }
  const signal = signalOf(call)
  const { stopping } = deps.drain
  let running = 0
  let ended = false
  const finish = (): void => {
    ended = true
    if (running === 0) call.end()
  }
  /** What the client sends from now on is not read: the end of the stream tells it that none of it ran. */
  const stop = (): void => {
    call.removeAllListeners('data')
    finish()
  }
  const settle = (): void => {
    running--
    if (ended && running === 0) call.end()
    else if (call.isPaused() && !call.writableNeedDrain) call.resume()
  }
  call.on('data', (request: Decoded<InvokeRequest>) => {
    if (++running >= streamConcurrency) call.pause()
    const correlationId = request === malformed ? '' : request.correlationId
    const requestId = newRequestId()
    void answerRequest('InvokeStream', call, signal, request, requestId, deps, invoke).then((result) => {
      if (!signal.aborted) {
        const outcome: InvokeStreamResponse['outcome'] = result.ok
          ? { $case: 'response', value: result.value }
          : { $case: 'error', value: errorMessageOf(result.error, requestId) }
        // A reader that lags must not fill this process with answers.
        if (!call.write({ correlationId, outcome })) call.pause()
      }
      settle()
    })
  })
  call.on('drain', () => {
    if (running < streamConcurrency) call.resume()
  })
  call.on('end', finish)
  call.on('close', () => stopping.removeEventListener('abort', stop))
  stopping.addEventListener('abort', stop, { once: true })
  call.on('error', (error: Error) => deps.log.debug({ err: error }, 'gRPC stream broke'))
}

/** proto3 has no absent strings: "" is absent. */
const text = <K extends string>(key: K, value: string): { [P in K]?: string } =>
  value === '' ? {} : ({ [key]: value } as { [P in K]?: string })

const invokeInput = (request: InvokeRequest, traceparent: string | undefined): InvokeInput => ({
  functionName: request.functionName,
  ...text('qualifier', request.qualifier),
  payload: request.payload,
  invocationType: request.dryRun ? 'DryRun' : 'RequestResponse',
  logTail: request.logTail,
  ...text('clientContext', request.clientContext),
  ...text('tenantId', request.tenantId),
  ...text('traceHeader', request.traceHeader),
  ...(traceparent !== undefined && { traceparent }),
  ...tracked(trackingIn(request)),
})

const tracked = (tracking: Tracking | undefined): { readonly tracking?: Tracking } => (tracking ? { tracking } : {})

const publishInput = (request: PublishRequest, traceparent: string | undefined): PublishInput => ({
  functionName: request.functionName,
  ...text('qualifier', request.qualifier),
  payload: request.payload,
  ...text('tenantId', request.tenantId),
  ...text('traceHeader', request.traceHeader),
  ...text('deduplicationId', request.deduplicationId),
  ...(traceparent !== undefined && { traceparent }),
})

const invokeResponse = (output: InvokeOutput, requestId: string): InvokeResponse =>
  output.kind === 'answered'
    ? {
        // A call under an idempotency key is told the id of the invocation that it shares.
        requestId: output.requestId ?? requestId,
        executedVersion: output.executedVersion,
        payload: Buffer.from(output.payload.buffer, output.payload.byteOffset, output.payload.byteLength),
        functionError: output.functionError ?? '',
        logTail: output.logTail ?? '',
      }
    : { requestId, executedVersion: '', payload: Buffer.alloc(0), functionError: '', logTail: '' }
