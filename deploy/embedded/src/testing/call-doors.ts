import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { createInbox, headers as natsHeaders } from '@nats-io/transport-node'
import { signRequest } from '@weft/cli'
import { accountId, type FabricConnection, functionName, headers, subjects } from '@weft/contracts'
import { InvokeRequest, type InvokeResponse, InvokeServiceClient } from '@weft/contracts/api/invoke'
import type { NatsLink } from '@weft/nats'

/** A call of a function as every door can express it. */
export interface DoorCall {
  readonly name: string
  readonly qualifier?: string | undefined
  readonly payload: Uint8Array
  readonly clientContext?: string | undefined
  readonly logTail: boolean
  readonly dryRun: boolean
}

/** What came of it, in the same words for every door. */
export interface DoorAnswer {
  readonly requestId: string
  readonly refused?: { readonly code: string; readonly http: number; readonly message: string }
  readonly answered?: {
    readonly payload: string
    readonly executedVersion: string
    readonly functionError: string
    readonly hasTail: boolean
  }
}

export type Door = (call: DoorCall) => Promise<DoorAnswer>

const answered = (
  payload: string,
  executedVersion = '',
  functionError = '',
  tail = '',
): NonNullable<DoorAnswer['answered']> => ({
  payload,
  executedVersion,
  functionError,
  hasTail: tail !== '',
})

export const restDoor =
  (fabric: FabricConnection): Door =>
  async (call) => {
    const query = call.qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(call.qualifier)}`
    const url = new URL(`/2015-03-31/functions/${encodeURIComponent(call.name)}/invocations${query}`, fabric.http)
    const body = Buffer.from(call.payload)
    const extra = {
      'x-amz-invocation-type': call.dryRun ? 'DryRun' : 'RequestResponse',
      ...(call.logTail && { 'x-amz-log-type': 'Tail' }),
      ...(call.clientContext !== undefined && { 'x-amz-client-context': call.clientContext }),
    }
    const { host: _host, ...signed } = signRequest(
      { method: 'POST', url, service: 'lambda', headers: extra, body },
      fabric,
      Date.now(),
    )
    const answer = await fetch(url, { method: 'POST', headers: signed, body })
    const text = await answer.text()
    const header = (name: string): string => answer.headers.get(name) ?? ''
    const requestId = header('x-amzn-requestid')
    if (answer.status >= 400) {
      const { message, Message } = JSON.parse(text) as { message?: string; Message?: string }
      const code = header('x-amzn-errortype')
      return { requestId, refused: { code, http: answer.status, message: message ?? Message ?? '' } }
    }
    const tail = header('x-amz-log-result')
    return {
      requestId,
      answered: answered(text, header('x-amz-executed-version'), header('x-amz-function-error'), tail),
    }
  }

export function grpcDoor(fabric: FabricConnection): Door & Disposable {
  const client = new InvokeServiceClient(fabric.grpc, credentials.createInsecure())
  const door: Door = (call) =>
    new Promise((resolve) => {
      const request = InvokeRequest.fromPartial({
        functionName: call.name,
        qualifier: call.qualifier ?? '',
        payload: Buffer.from(call.payload),
        clientContext: call.clientContext ?? '',
        logTail: call.logTail,
        dryRun: call.dryRun,
      })
      client.invoke(request, metadataOf(fabric), (error: ServiceError | null, reply: InvokeResponse) => {
        if (error) return resolve(refusedOverGrpc(error))
        const { payload, executedVersion, functionError, logTail } = reply
        resolve({
          requestId: reply.requestId,
          answered: answered(payload.toString(), executedVersion, functionError, logTail),
        })
      })
    })
  return Object.assign(door, { [Symbol.dispose]: () => client.close() })
}

export function metadataOf(fabric: FabricConnection): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${fabric.accessKeyId}:${fabric.secretAccessKey}`)
  return metadata
}

export function refusedOverGrpc(error: ServiceError): DoorAnswer & { readonly refused: object } {
  const told = (name: string): string => String(error.metadata.get(name)[0] ?? '')
  const refused = { code: told('weft-error-code'), http: Number(told('weft-http-status')), message: error.details }
  return { requestId: told('weft-request-id'), refused }
}

export const natsDoor =
  (fabric: FabricConnection, link: NatsLink): Door =>
  async (call) => {
    const sent = natsHeaders()
    if (call.dryRun) sent.set(headers.invocationType, 'DryRun')
    if (call.logTail) sent.set(headers.logType, 'Tail')
    if (call.clientContext !== undefined) sent.set(headers.clientContext, call.clientContext)
    const subject = subjects.invoke(accountId(fabric.accountId), functionName(call.name), call.qualifier)
    const reply = await link.connection.request(subject, call.payload, {
      headers: sent,
      timeout: 60_000,
      noMux: true,
      reply: createInbox(link.inboxPrefix),
    })
    const header = (name: string): string => reply.headers?.get(name) ?? ''
    const requestId = header(headers.requestId)
    if (header(headers.serviceErrorCode) !== '') {
      const { message, Message } = reply.json<{ message?: string; Message?: string }>()
      const refused = { code: header(headers.errorType), http: Number(header(headers.serviceErrorCode)) }
      return { requestId, refused: { ...refused, message: message ?? Message ?? '' } }
    }
    const tail = header(headers.logResult)
    const version = header(headers.executedVersion)
    return { requestId, answered: answered(reply.string(), version, header(headers.functionError), tail) }
  }
