// A worker that answers with the JSON it got, in miniflare's own server.
import { Miniflare } from 'miniflare'

const script = 'export default { fetch: async (request) => Response.json(await request.json()) }'
// Without `cf` it would ask a server of its makers for the place it runs in.
const server = new Miniflare({ modules: true, script, host: '127.0.0.1', port: 0, cf: false })
const { port } = await server.ready
process.stdout.write(`${JSON.stringify({ port: Number(port) })}\n`)
process.once('SIGTERM', async () => {
  await server.dispose()
  process.exit()
})
