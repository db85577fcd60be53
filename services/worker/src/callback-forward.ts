import { connect, type Server, type Socket } from 'node:net'

/** Connections that one sandbox may hold open to the fabric. */
const mostConnections = 64

/**
 * Carries connections that a function opens to its own loopback to the fabric's HTTP door, byte by byte: the door, not
 * the worker, decides what the function may do. Returns the end of it.
 */
export function forwardCallbacks(listener: Server, to: { readonly host: string; readonly port: number }): () => void {
  const open = new Set<Socket>()
  listener.maxConnections = mostConnections
  listener.on('connection', (inside: Socket) => {
    const outside = connect(to.port, to.host)
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(one)
      one.setNoDelay(true)
      one.pipe(other)
      // Either end may vanish at any time; the other then has nobody to talk to.
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  return () => {
    listener.close()
    for (const socket of open) socket.destroy()
  }
}
