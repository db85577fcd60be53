// Last link of the bare chain: a process that parses JSON, calls a trivial handler and answers, over a unix socket.
import { createServer } from 'node:net'
import { readFrames, writeFrame } from './framing.ts'
import { ready } from './ready.ts'

const path = process.argv[2] as string
const handler = async (event: unknown): Promise<unknown> => event
const server = createServer((socket) => {
  readFrames(socket, (seq, payload) => {
    void handler(JSON.parse(payload.toString('utf8'))).then((answer) =>
      writeFrame(socket, seq, Buffer.from(JSON.stringify(answer))),
    )
  })
})
server.listen(path, () => ready({ path }))
