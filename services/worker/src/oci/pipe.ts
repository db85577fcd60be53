import { close, constants, open, read } from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

const openFile = promisify(open)
const closeFile = promisify(close)

export interface PipeEnd {
  /** From here on the stream owns the pipe. It ends when the last writer has closed. */
  stream(): Socket
  /** What has been written so far, up to 4 KB, for failures; closes the pipe. */
  drain(): Promise<string>
}

/** Opens the reading end of a named pipe without waiting for a writer. */
export async function openPipe(path: string): Promise<PipeEnd> {
  const fd = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return {
    stream: () => new Socket({ fd, readable: true, writable: false }),
    async drain() {
      const said = await new Promise<string>((resolve, reject) => {
        const buffer = Buffer.alloc(4_096)
        read(fd, buffer, 0, buffer.length, null, (error, bytes) => {
          // EAGAIN: nothing is written, and a writer is still there.
          if (error && error.code !== 'EAGAIN') reject(error)
          else resolve(error ? '' : buffer.toString('utf8', 0, bytes).trim())
        })
      })
      await closeFile(fd)
      return said
    },
  }
}
