// Frames of the private runtime protocol (protocol.md).
export const INIT = 1
export const INVOKE = 2
export const RESTORE = 3
export const HELLO = 16
export const READY = 17
export const INIT_ERROR = 18
export const RESPONSE = 19
export const ERROR = 20
export const LOG = 21
export const FATAL = 22
export const BEGIN = 23
export const CHUNK = 24
export const END = 25
export const RESTORED = 26
export const RESTORE_ERROR = 27

/** Writes frames; what is written in one tick leaves in one system call. A function at the end is called when it has. */
export function frameWriter(socket) {
  let corked = false
  // A process that ends itself has no later tick.
  process.on('exit', () => {
    if (corked) socket.uncork()
  })
  return (type, ...parts) => {
    const left = typeof parts.at(-1) === 'function' ? parts.pop() : undefined
    let length = 1
    for (const part of parts) length += part.length
    const head = Buffer.allocUnsafe(5)
    head.writeUInt32BE(length, 0)
    head[4] = type
    if (!corked) {
      corked = true
      socket.cork()
      queueMicrotask(() => {
        corked = false
        socket.uncork()
      })
    }
    socket.write(head, parts.length === 0 ? left : undefined)
    for (const [at, part] of parts.entries()) socket.write(part, at === parts.length - 1 ? left : undefined)
  }
}

/** Calls `onFrame(type, body)` for every whole frame that arrives on the socket. */
export function readFrames(socket, onFrame) {
  let held = []
  let heldBytes = 0
  socket.on('data', (chunk) => {
    held.push(chunk)
    heldBytes += chunk.length
    while (heldBytes >= 4) {
      if (held[0].length < 4) held = [Buffer.concat(held)]
      const length = held[0].readUInt32BE(0)
      if (heldBytes < 4 + length) return
      const all = held.length === 1 ? held[0] : Buffer.concat(held)
      const rest = all.subarray(4 + length)
      held = rest.length > 0 ? [rest] : []
      heldBytes = rest.length
      onFrame(all[4], all.subarray(5, 4 + length))
    }
  })
}
