// A bare proxy chain as OpenFaaS's of-watchdog has it: HTTP in, HTTP on to the function's process, answer back.
import { Agent, createServer, request as send } from 'node:http'
import { listen, ready } from './ready.ts'

const functionPort = Number(process.argv[2])
const agent = new Agent({ keepAlive: true })
const server = createServer((request, response) => {
  const { method, url, headers } = request
  const forward = send({ port: functionPort, host: '127.0.0.1', agent, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  forward.on('error', () => response.writeHead(502, { 'content-length': 0 }).end())
  request.pipe(forward)
})
ready({ port: await listen(server) })
