import { randomUUID } from 'node:crypto'
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { credentials, Metadata } from '@grpc/grpc-js'
import { FabricClient } from '@weft/cli'
import { accountId, type FabricConnection, functionName, headers, subjects } from '@weft/contracts'
import { InvokeRequest, type InvokeResponse, InvokeServiceClient } from '@weft/contracts/api/invoke'
import type { NatsLink } from '@weft/nats'
import { DemoFailure, eventually } from './failure.ts'
import { call } from './report.ts'

/** One way into the fabric, tried. */
export interface DoorResult {
  readonly door: string
  readonly what: string
  readonly result: string
  /** The first call, which starts a sandbox where none is warm. */
  readonly firstMs: number
  /** Median of the calls after it; undefined where one call was made. */
  readonly warmMs?: number
}

const answerWithinMs = 30_000
const warmCalls = 20

/** Runs `once` first alone and then a few times more. */
async function timed(once: () => Promise<string>): Promise<{ result: string; firstMs: number; warmMs: number }> {
  const takenMs: number[] = []
  let result = ''
  for (let n = 0; n <= warmCalls; n++) {
    const startedMs = performance.now()
    const answer = await once()
    takenMs.push(performance.now() - startedMs)
    if (n === 0) result = answer
  }
  const [firstMs = 0, ...rest] = takenMs
  return { result, firstMs, warmMs: rest.sort((a, b) => a - b)[rest.length >> 1] ?? 0 }
}

const greetingOf = (json: string): string => (JSON.parse(json) as { message: string }).message

export async function tryHttp(lambda: LambdaClient, name: string): Promise<DoorResult> {
  const once = async () => (await call<{ message: string }>(lambda, name, { name: 'AWS SDK' })).message
  return { door: 'HTTP, AWS SDK', what: `Invoke ${name}`, ...(await timed(once)) }
}

export async function tryGrpc(fabric: FabricConnection, name: string): Promise<DoorResult> {
  const client = new InvokeServiceClient(fabric.grpc, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${fabric.accessKeyId}:${fabric.secretAccessKey}`)
  const request = InvokeRequest.fromPartial({ functionName: name, payload: Buffer.from('{"name":"gRPC"}') })
  const once = () =>
    new Promise<string>((resolve, reject) => {
      const deadline = Date.now() + answerWithinMs
      client.invoke(request, metadata, { deadline }, (error, reply: InvokeResponse) => {
        if (error) reject(new DemoFailure(`the gRPC call was refused: ${error.details}`))
        else if (reply.functionError) reject(new DemoFailure(`${name} failed: ${reply.payload}`))
        else resolve(greetingOf(reply.payload.toString()))
      })
    })
  try {
    return { door: 'gRPC, unary', what: `weft.v1 Invoke ${name}`, ...(await timed(once)) }
  } finally {
    client.close()
  }
}

export async function tryNats(fabric: FabricConnection, link: NatsLink, name: string): Promise<DoorResult> {
  const subject = subjects.invoke(accountId(fabric.accountId), functionName(name))
  const once = async () => {
    const reply = await link.connection.request(subject, '{"name":"NATS"}', { timeout: answerWithinMs })
    const refusal = reply.headers?.get(headers.serviceError)
    if (refusal) throw new DemoFailure(`the NATS request was refused: ${refusal}`)
    return greetingOf(reply.string())
  }
  return { door: 'NATS, request', what: subject, ...(await timed(once)) }
}

export async function tryCustomRuntime(lambda: LambdaClient, name: string): Promise<DoorResult> {
  interface Facts {
    readonly user: number
    readonly processes: number
    readonly network: string
    readonly codeWritable: boolean
  }
  const once = async () => {
    const { user, processes, network, codeWritable } = await call<Facts>(lambda, name, {})
    return `user ${user}, ${processes} processes, network ${network}, code ${codeWritable ? 'writable' : 'read-only'}`
  }
  return { door: 'HTTP, AWS SDK', what: `Invoke ${name} (bash)`, ...(await timed(once)) }
}

/** Hands in an event and waits for the line that its handler logs. */
export async function tryEvent(
  lambda: LambdaClient,
  fabric: FabricConnection,
  name: string,
  details: Readonly<Record<string, unknown>>,
): Promise<DoorResult[]> {
  using client = new FabricClient(fabric)
  const subject = randomUUID()
  const startedMs = performance.now()
  // Two seconds back: the clock of the log may be another's.
  const sinceMs = Date.now() - 2_000
  const accepted = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      InvocationType: 'Event',
      Payload: JSON.stringify({ actor: 'main job', action: 'read the ledger', subject, ...details }),
    }),
  )
  const acceptedMs = performance.now() - startedMs
  const line = await eventually(
    answerWithinMs,
    async () => {
      const events = await client.logEvents(`/aws/lambda/${name}`, sinceMs)
      if (!events.ok && events.error.code !== 'ResourceNotFoundException')
        throw new DemoFailure(`the log of ${name} cannot be read: ${events.error.code} ${events.error.message}`)
      return events.ok ? events.value.find(({ message }) => message.includes(subject))?.message : undefined
    },
    () => `the event ${accepted.$metadata.requestId} was accepted, but its log line did not appear`,
  )
  return [
    {
      door: 'HTTP, AWS SDK',
      what: `Event to ${name}`,
      result: `accepted: ${accepted.StatusCode}`,
      firstMs: acceptedMs,
    },
    {
      door: 'CloudWatch Logs',
      what: `log line of ${name}`,
      result: digestOf(line),
      firstMs: performance.now() - startedMs,
    },
  ]
}

const digestOf = (line: string): string => {
  const digest = /"digest":"([0-9a-f]{16})/.exec(line)?.[1]
  return digest === undefined ? line.trimEnd().slice(-60) : `digest ${digest}…`
}
