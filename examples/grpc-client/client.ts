import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import {
  InvokeRequest,
  InvokeServiceClient,
  type InvokeStreamResponse,
  PublishRequest,
} from '@weft/contracts/api/invoke'

const env = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: eval "$(npx weft env)"`)
  return value
}

const [functionName = 'hello', json = '{"name": "gRPC"}'] = process.argv.slice(2)
const payload = Buffer.from(json)
const metadata = new Metadata()
metadata.set('authorization', `Bearer ${env('AWS_ACCESS_KEY_ID')}:${env('AWS_SECRET_ACCESS_KEY')}`)
const client = new InvokeServiceClient(env('WEFT_GRPC'), credentials.createInsecure())

/** A unary call as a promise; a refusal carries the AWS error code in its trailing metadata. */
const unary = <Reply>(send: (done: (error: ServiceError | null, reply: Reply) => void) => void): Promise<Reply> =>
  new Promise((resolve, reject) => {
    send((error, reply) => {
      if (!error) return resolve(reply)
      const code = error.metadata.get('weft-error-code')[0] ?? error.code
      reject(new Error(`${code}: ${error.details}`))
    })
  })

const deadline = (): { deadline: number } => ({ deadline: Date.now() + 30_000 })

const reply = await unary((done: Parameters<typeof client.invoke>[3]) =>
  client.invoke(InvokeRequest.fromPartial({ functionName, payload }), metadata, deadline(), done),
)
console.log('unary    ', reply.functionError || 'succeeded', reply.payload.toString())

// Many calls share one stream; answers come as they are ready.
const stream = client.invokeStream(metadata, deadline())
let open = 20
const ended = new Promise<void>((resolve, reject) => {
  stream.on('data', ({ correlationId, outcome }: InvokeStreamResponse) => {
    if (outcome?.$case === 'error')
      console.log(`call ${correlationId}: ${outcome.value.code}: ${outcome.value.message}`)
    if (--open === 0) stream.end()
  })
  stream.on('error', reject)
  stream.on('end', resolve)
})
const startedMs = performance.now()
for (let n = 1; n <= 20; n++)
  stream.write(InvokeRequest.fromPartial({ functionName, payload, correlationId: String(n) }))
await ended
console.log('stream    20 answers in', (performance.now() - startedMs).toFixed(1), 'ms')

const accepted = await unary((done: Parameters<typeof client.publish>[3]) =>
  client.publish(PublishRequest.fromPartial({ functionName, payload }), metadata, deadline(), done),
)
console.log('event     accepted as', accepted.requestId)

client.close()
