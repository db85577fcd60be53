import type { IncomingMessage } from 'node:http'
import { type AwsError, err, ok, type Result } from '@weft/contracts'
import type { BodyLimit } from '../doors/door.ts'

const empty = Buffer.alloc(0)

/**
 * Reads a body whole. What exceeds the limit is refused as soon as that is known, and from then on discarded while it
 * arrives, so that the client gets to read the refusal. `gone`: the client went away.
 */
export function readBody(request: IncomingMessage, limit: BodyLimit): Promise<Result<Buffer, AwsError | 'gone'>> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit.limitBytes) return Promise.resolve(err(limit.tooLarge(declared)))
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (result: Result<Buffer, AwsError | 'gone'>): void => {
      request.off('data', onData).off('end', onEnd).off('close', onClose)
      resolve(result)
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.byteLength
      if (bytes <= limit.limitBytes) {
        chunks.push(chunk)
        return
      }
      settle(err(limit.tooLarge(bytes)))
      request.resume()
    }
    const onEnd = (): void => settle(ok(chunks.length === 1 ? (chunks[0] as Buffer) : join(chunks, bytes)))
    const onClose = (): void => settle(err('gone'))
    // An error is followed by close, which settles; without a listener it would end the process.
    request
      .on('data', onData)
      .on('end', onEnd)
      .on('close', onClose)
      .on('error', () => undefined)
  })
}

const join = (chunks: readonly Buffer[], bytes: number): Buffer =>
  chunks.length === 0 ? empty : Buffer.concat(chunks, bytes)
