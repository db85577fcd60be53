import type { ServerWritableStream } from '@grpc/grpc-js'
import { type AwsError, newRequestId, ok, type Result } from '@weft/contracts'
import type { InvokeRequest, ResponseStreamPart } from '@weft/contracts/api/invoke'
import { grpcStatusOf } from '@weft/platform'
import { streamCall } from '../../answers/stream-call.ts'
import type { InvokeInput, InvokeOutput, Operation } from '../../operations/context.ts'
import { answerRequest, type CallDeps, type Run, signalOf } from './calls.ts'
import type { Decoded } from './codec.ts'

type StreamedCall = ServerWritableStream<InvokeRequest, ResponseStreamPart>
type Part = NonNullable<ResponseStreamPart['part']>

/** InvokeWithResponseStream: a client that reads slowly holds the function back. */
export const serveResponseStream =
  (
    invoke: Operation<InvokeInput, InvokeOutput>,
    deps: CallDeps,
    inputOf: (request: InvokeRequest, traceparent: string | undefined) => InvokeInput,
  ) =>
  (call: StreamedCall): void => {
    const requestId = newRequestId()
    const signal = signalOf(call)
    const request = call.request as Decoded<InvokeRequest>
    call.on('error', (error: Error) => deps.log.debug({ err: error }, 'gRPC stream broke'))
    const run: Run<InvokeRequest, void> = async (context, asked, traceparent) => {
      const running = await streamCall(invoke, context, inputOf(asked, traceparent))
      if (running.kind === 'whole') {
        const { outcome } = running
        return outcome.ok ? sendWhole(call, signal, requestId, outcome.value) : outcome
      }
      const { contentType, executedVersion } = running.head
      await write(call, signal, { $case: 'begin', value: { requestId, executedVersion, contentType } })
      for await (const part of running.parts) {
        if (signal.aborted) break
        await write(call, signal, { $case: 'chunk', value: asBuffer(part) })
      }
      return complete(call, signal, await running.outcome)
    }
    const name = 'InvokeWithResponseStream'
    void answerRequest(name, call, signal, request, requestId, deps, run).then((result) => {
      if (signal.aborted) return
      if (result.ok) call.end()
      else call.emit('error', grpcStatusOf(result.error, requestId))
    })
  }

async function sendWhole(
  call: StreamedCall,
  signal: AbortSignal,
  requestId: string,
  output: InvokeOutput,
): Promise<Result<void, AwsError>> {
  const { executedVersion, payload, functionError } =
    output.kind === 'answered' ? output : { executedVersion: '', payload: new Uint8Array(), functionError: undefined }
  const begin = { requestId, executedVersion, contentType: 'application/json' }
  await write(call, signal, { $case: 'begin', value: begin })
  if (functionError === undefined && payload.byteLength > 0)
    await write(call, signal, { $case: 'chunk', value: asBuffer(payload) })
  return complete(call, signal, ok(output))
}

async function complete(
  call: StreamedCall,
  signal: AbortSignal,
  outcome: Result<InvokeOutput, AwsError>,
): Promise<Result<void, AwsError>> {
  if (!outcome.ok) return outcome
  const output = outcome.value
  const failed = output.kind === 'answered' && output.functionError !== undefined
  await write(call, signal, {
    $case: 'complete',
    value: {
      functionError: failed ? (output.functionError ?? '') : '',
      errorDetails: failed ? asBuffer(output.payload) : Buffer.alloc(0),
      logTail: output.kind === 'answered' ? (output.logTail ?? '') : '',
    },
  })
  return ok(undefined)
}

/** Resolves when the client is ready for more, or has gone. */
const write = (call: StreamedCall, signal: AbortSignal, part: Part): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted || call.write({ part })) return resolve()
    const go = (): void => {
      call.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    call.once('drain', go)
    signal.addEventListener('abort', go, { once: true })
  })

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
