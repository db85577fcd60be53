import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js'
import type { FabricConnection } from '@weft/contracts'
import {
  InvokeRequest,
  InvokeServiceClient,
  type ResponseBegin,
  type ResponseComplete,
  type ResponseStreamPart,
} from '@weft/contracts/api/invoke'
import { grpcTarget } from '../client/grpc-channel.ts'
import { CommandError, exitCodes, type Io, paint } from '../io.ts'

export interface StreamOptions {
  readonly qualifier?: string
  readonly tenantId?: string
  readonly logTail?: boolean
}

/** Runs a function and writes its answer as it comes; a reader of standard output that lags holds the function back. */
export async function invokeStream(
  io: Io,
  connection: FabricConnection,
  name: string,
  payload: Buffer,
  options: StreamOptions,
): Promise<number> {
  const { grpc, accessKeyId, secretAccessKey } = connection
  const { address, channel } = grpcTarget(grpc)
  const service = new InvokeServiceClient(address, channel)
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${accessKeyId}:${secretAccessKey}`)
  const { qualifier = '', logTail = false, tenantId = '' } = options
  const startedMs = performance.now()
  try {
    const request = InvokeRequest.fromPartial({ functionName: name, qualifier, payload, logTail, tenantId })
    const { begin, complete } = await play(io, service, request, metadata)
    if (complete.logTail) io.stderr.write(paint(io.stderr, 'dim', complete.logTail))
    const failed = complete.functionError !== ''
    if (failed) io.stdout.write(`${complete.errorDetails.toString('utf8')}\n`)
    const verdict = failed ? `the function failed (${complete.functionError})` : `succeeded (${begin.executedVersion})`
    io.stderr.write(`${paint(io.stderr, failed ? 'red' : 'green', verdict)}  `)
    io.stderr.write(`${(performance.now() - startedMs).toFixed(1)} ms  ${begin.requestId}\n`)
    return failed ? exitCodes.functionError : exitCodes.done
  } finally {
    service.close()
  }
}

interface Streamed {
  readonly begin: ResponseBegin
  readonly complete: ResponseComplete
}

function play(io: Io, service: InvokeServiceClient, request: InvokeRequest, metadata: Metadata): Promise<Streamed> {
  return new Promise((resolve, reject) => {
    let begin: ResponseBegin | undefined
    let complete: ResponseComplete | undefined
    const call = service.invokeWithResponseStream(request, metadata)
    const stop = (): void => call.cancel()
    io.stop.addEventListener('abort', stop, { once: true })
    io.stdout.on('drain', () => call.resume())
    call.on('data', ({ part }: ResponseStreamPart) => {
      if (part?.$case === 'begin') begin = part.value
      else if (part?.$case === 'complete') complete = part.value
      else if (part && !io.stdout.write(part.value)) call.pause()
    })
    call.on('error', (error: ServiceError) => {
      const code = error.metadata?.get('weft-error-code')[0]
      reject(new CommandError(code === undefined ? error.message : `${code}: ${error.details}`))
    })
    // The status may be known while parts still wait to be written.
    let ended = false
    let code: status | undefined
    const settle = (): void => {
      if (!ended || code === undefined) return
      io.stop.removeEventListener('abort', stop)
      if (begin && complete) resolve({ begin, complete })
      else if (code === status.OK) reject(new CommandError('the answer ended without its last part'))
    }
    call.on('end', () => {
      ended = true
      settle()
    })
    call.on('status', (known: StatusObject) => {
      code = known.code
      settle()
    })
  })
}
