import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { ImageLayer } from '@weft/contracts'
import { ImageFailure } from './image-failure.ts'

/** What is left of the size that an image may have unpacked, bytes. */
export interface UnpackedBudget {
  bytes: number
}

/**
 * Hands a layer's blob on as it is, and unpacks it beside to see that it can be and how large it is. It ends only when all
 * of it was seen. Throws ImageFailure.
 */
export async function* checkedLayer(
  source: AsyncIterable<Uint8Array>,
  compression: ImageLayer['compression'],
  budget: UnpackedBudget,
): AsyncGenerator<Uint8Array> {
  const spend = (bytes: number): void => {
    budget.bytes -= bytes
    if (budget.bytes < 0) throw new ImageFailure('too-large', 'the image is too large unpacked')
  }
  if (compression === 'none') {
    for await (const chunk of source) {
      spend(chunk.byteLength)
      yield chunk
    }
    return
  }
  const unpacker = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  let failure: unknown
  const seen = (async () => {
    for await (const chunk of unpacker as AsyncIterable<Buffer>) spend(chunk.byteLength)
  })().catch((error: unknown) => {
    failure = error instanceof ImageFailure ? error : new ImageFailure('invalid', 'a layer cannot be unpacked')
  })
  try {
    for await (const chunk of source) {
      yield chunk
      // One that fails takes nothing more and does not say so.
      await Promise.race([new Promise<void>((resolve) => unpacker.write(chunk, () => resolve())), seen])
      if (failure !== undefined) throw failure
    }
    unpacker.end()
    await seen
    if (failure !== undefined) throw failure
  } finally {
    unpacker.destroy()
  }
}
