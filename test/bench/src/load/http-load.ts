import type { Sample } from '../core/case.ts'
import { warmClosedLoop } from '../core/closed-loop.ts'
import { HttpConnection } from './http-connection.ts'

/** Closed-loop calls over one connection per client; an answer that is not a plain success ends the measurement. */
export async function httpLoad(port: number, clients: number, count: number, request: () => Buffer): Promise<Sample> {
  using stack = new DisposableStack()
  const connections: HttpConnection[] = []
  for (let n = 0; n < clients; n++) connections.push(stack.use(await HttpConnection.open('127.0.0.1', port)))
  // Awaited here: the connections are closed when this function returns.
  return await warmClosedLoop(clients, count, async (client) => {
    const answer = await (connections[client] as HttpConnection).send(request())
    if (answer.status !== 200 || answer.head.includes('x-amz-function-error'))
      throw new Error(`status ${answer.status}: ${answer.body.toString('utf8').slice(0, 300)}`)
  })
}
