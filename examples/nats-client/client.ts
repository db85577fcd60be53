import { readFile } from 'node:fs/promises'
import { connect, credsAuthenticator } from '@nats-io/transport-node'

const env = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: eval "$(npx weft env)"`)
  return value
}

const [functionName = 'hello', json = '{"name": "NATS"}'] = process.argv.slice(2)
const account = env('WEFT_ACCOUNT_ID')
const connection = await connect({
  servers: env('NATS_URL'),
  authenticator: credsAuthenticator(await readFile(env('NATS_CREDS'))),
})

const reply = await connection.request(`weft.invoke.${account}.${functionName}`, json, { timeout: 30_000 })
const refused = reply.headers?.get('Nats-Service-Error-Code')
if (refused) console.log('request   refused:', refused, reply.headers?.get('Nats-Service-Error'))
else console.log('request  ', reply.headers?.get('Weft-Function-Error') || 'succeeded', reply.string())

// The answer to an event is JetStream's own acknowledgement: {stream, seq}.
const ack = await connection.request(`weft.event.${account}.${functionName}`, json, { timeout: 30_000 })
console.log('event     stored:', ack.string())

await connection.drain()
