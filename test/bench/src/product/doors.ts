import { credentials, Metadata } from '@grpc/grpc-js'
import type { NatsConnection } from '@nats-io/transport-node'
import { accountId, type FabricConnection, functionName, headers, subjects } from '@weft/contracts'
import { InvokeRequest, InvokeServiceClient, type InvokeStreamResponse } from '@weft/contracts/api/invoke'
import { type Bed, type BedOptions, type Case, type Sample, scaled } from '../core/case.ts'
import { warmClosedLoop } from '../core/closed-loop.ts'
import { httpLoad } from '../load/http-load.ts'
import { payload } from '../load/payload.ts'
import { signedInvoke } from '../load/signed-invoke.ts'

/** Warm synchronous calls of one function through every door, with one client and with sixteen. */
export function doorBed(connection: FabricConnection, nats: NatsConnection, name: string, options: BedOptions): Bed {
  const request = signedInvoke(connection, name, payload)
  const port = Number(new URL(connection.http).port)
  const unary = unaryCaller(connection, name)
  const stream = streamCaller(connection, name)
  const subject = subjects.invoke(accountId(connection.accountId), functionName(name))
  const callNats = async (): Promise<void> => {
    const reply = await nats.request(subject, payload, { timeout: 30_000 })
    const refusal = reply.headers?.get(headers.serviceError) || reply.headers?.get(headers.functionError)
    if (refusal) throw new Error(`NATS: ${refusal}`)
  }
  const both = (id: string, title: string, run: (clients: number, count: number) => Promise<Sample>): readonly Case[] =>
    [1, 16].map((clients) => ({
      id: `product.${id}.c${clients}`,
      title: `${title}, ${clients === 1 ? '1 client' : `${clients} clients`}`,
      group: 'product' as const,
      measure: () => run(clients, scaled(clients === 1 ? 1_500 : 8_000, options, 64)),
    }))
  return {
    cases: [
      ...both('rest', 'Weft REST, signed', (clients, count) => httpLoad(port, clients, count, request)),
      ...both('grpc-unary', 'Weft gRPC, unary', (clients, count) => warmClosedLoop(clients, count, unary.call)),
      ...both('grpc-stream', 'Weft gRPC, stream', (clients, count) => warmClosedLoop(clients, count, stream.call)),
      ...both('nats', 'Weft NATS request', (clients, count) => warmClosedLoop(clients, count, callNats)),
    ],
    async [Symbol.asyncDispose]() {
      unary.close()
      stream.close()
    },
  }
}

const metadataOf = ({ accessKeyId, secretAccessKey }: FabricConnection): Metadata => {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${accessKeyId}:${secretAccessKey}`)
  return metadata
}

function unaryCaller(connection: FabricConnection, name: string) {
  const client = new InvokeServiceClient(connection.grpc, credentials.createInsecure())
  const metadata = metadataOf(connection)
  const request = InvokeRequest.fromPartial({ functionName: name, payload: Buffer.from(payload) })
  return {
    call: () =>
      new Promise<void>((resolve, reject) => {
        client.invoke(request, metadata, (error, reply) => {
          if (error) reject(error)
          else if (reply.functionError) reject(new Error(reply.payload.toString()))
          else resolve()
        })
      }),
    close: () => client.close(),
  }
}

function streamCaller(connection: FabricConnection, name: string) {
  const client = new InvokeServiceClient(connection.grpc, credentials.createInsecure())
  const stream = client.invokeStream(metadataOf(connection))
  const waiting = new Map<string, { resolve(): void; reject(error: Error): void }>()
  const failAll = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  stream.on('data', ({ correlationId, outcome }: InvokeStreamResponse) => {
    const call = waiting.get(correlationId)
    waiting.delete(correlationId)
    if (outcome?.$case === 'error') call?.reject(new Error(`${outcome.value.code}: ${outcome.value.message}`))
    else if (outcome?.value.functionError) call?.reject(new Error(outcome.value.payload.toString()))
    else call?.resolve()
  })
  stream.on('error', failAll)
  stream.on('end', () => failAll(new Error('the stream ended')))
  let last = 0
  return {
    call: () =>
      new Promise<void>((resolve, reject) => {
        const correlationId = String(++last)
        waiting.set(correlationId, { resolve, reject })
        stream.write(InvokeRequest.fromPartial({ functionName: name, payload: Buffer.from(payload), correlationId }))
      }),
    close: () => {
      stream.end()
      client.close()
    },
  }
}
