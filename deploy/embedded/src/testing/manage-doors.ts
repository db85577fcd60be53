import { fileURLToPath } from 'node:url'
import * as sdk from '@aws-sdk/client-lambda'
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { FabricConnection } from '@weft/contracts'
import { metadataOf, refusedOverGrpc } from './call-doors.ts'

export type Members = Readonly<Record<string, unknown>>

/** Calls a management operation by name; resolves to its answer or refusal, in the same words for every door. */
export type ManagementDoor = (operation: string, input: Members) => Promise<unknown>

export function restManagement(fabric: FabricConnection): ManagementDoor & Disposable {
  const { http: endpoint, region, accessKeyId, secretAccessKey } = fabric
  const client = new sdk.LambdaClient({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  })
  const commands = sdk as unknown as Readonly<Record<string, new (input: Members) => Parameters<typeof client.send>[0]>>
  const door: ManagementDoor = async (operation, input) => {
    const Command = commands[`${operation}Command`]
    if (!Command) throw new Error(`the SDK has no ${operation}`)
    try {
      const { $metadata: _metadata, ...output } = await client.send(new Command(input))
      return comparable(output)
    } catch (error) {
      const { name: code, message, $metadata } = error as sdk.LambdaServiceException
      return { refused: { code, http: $metadata?.httpStatusCode, message } }
    }
  }
  return Object.assign(door, { [Symbol.dispose]: () => client.destroy() })
}

const protoFolder = fileURLToPath(new URL('../../../../proto/', import.meta.url))

type LambdaStub = Client & Readonly<Record<string, (...args: readonly unknown[]) => void>>

/** Through another implementation of Protobuf than the server's, from the file that clients get. */
export function grpcManagement(fabric: FabricConnection): ManagementDoor & Disposable {
  const definition = loadSync('weft/lambda/v1/lambda.proto', {
    includeDirs: [protoFolder],
    keepCase: true,
    longs: Number,
  })
  const { weft } = loadPackageDefinition(definition) as unknown as {
    weft: { lambda: { v1: { LambdaService: new (...args: readonly unknown[]) => LambdaStub } } }
  }
  const stub = new weft.lambda.v1.LambdaService(fabric.grpc, credentials.createInsecure())
  const door: ManagementDoor = (operation, input) =>
    new Promise((resolve) => {
      stub[operation]?.(fields(input), metadataOf(fabric), (error: ServiceError | null, output: Members) =>
        resolve(error ? { refused: refusedOverGrpc(error).refused } : comparable(output)),
      )
    })
  return Object.assign(door, { [Symbol.dispose]: () => stub.close() })
}

/** Members whose keys are the caller's own. */
const maps = new Set(['Tags', 'Variables', 'AdditionalVersionWeights'])

const fields = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(fields)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase(),
      maps.has(key) ? member : fields(member),
    ]),
  )
}

/** Names in one spelling, without times, empty lists and what markers say: what both doors can tell alike. */
function comparable(value: unknown): unknown {
  if (value instanceof Date) return undefined
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
    .filter(([key]) => !/^last_?modified$/i.test(key))
    .map(([key, member]) => [key.replaceAll('_', '').toLowerCase(), member] as const)
    .map(([key, member]) => [key, key === 'nextmarker' ? typeof member : comparable(member)] as const)
    .filter(([, member]) => member !== undefined)
  return members.length === 0 ? undefined : Object.fromEntries(members)
}
