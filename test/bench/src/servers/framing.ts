import type { Socket } from 'node:net'

/** Bytes before a frame's payload: length of the payload and a number that joins question and answer. */
const headBytes = 8

/** Writes `[length u32][seq u32][payload]`. */
export function writeFrame(socket: Socket, seq: number, payload: Uint8Array): void {
  const frame = Buffer.allocUnsafe(headBytes + payload.length)
  frame.writeUInt32BE(payload.length, 0)
  frame.writeUInt32BE(seq, 4)
  frame.set(payload, headBytes)
  socket.write(frame)
}

/** Calls `onFrame` for each whole frame that arrives. */
export function readFrames(socket: Socket, onFrame: (seq: number, payload: Buffer) => void): void {
  let unread: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk])
    while (unread.length >= headBytes) {
      const end = headBytes + unread.readUInt32BE(0)
      if (unread.length < end) return
      onFrame(unread.readUInt32BE(4), unread.subarray(headBytes, end))
      unread = unread.subarray(end)
    }
  })
}
