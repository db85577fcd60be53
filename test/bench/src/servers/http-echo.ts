// The floor of HTTP: node:http answers with the body it got. Also the function process of the proxy chain.
import { createServer } from 'node:http'
import { listen, ready } from './ready.ts'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
})
ready({ port: await listen(server) })
