import { createHash } from 'node:crypto'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { err, ok, type Result } from '@weft/contracts'
import tar from 'tar-stream'
import { checkLayerEntry, type FileEntry, layerLimits, type OtherEntry } from './layer-entry.ts'

export type LayerCompression = 'gzip' | 'zstd' | 'none'

/** Takes the entries of a layer in their order. What it throws as `LayerDamage` is the layer's fault, all else is not. */
export interface LayerSink {
  /** The bytes of a file follow through `write`, until `end`. */
  file(entry: FileEntry): { write(chunk: Uint8Array): void; end(): void }
  other(entry: OtherEntry): void
}

export interface LayerSummary {
  /** Lower-case hex SHA-256 of the layer's tar, not compressed: what image configs call its diff id. */
  readonly diffId: string
  readonly tarBytes: number
  /** Of all its files. */
  readonly unpackedBytes: number
  readonly entries: number
}

/** The layer is not what it should be. */
export class LayerDamage extends Error {}

/**
 * Reads a layer as it is stored, a chunk at a time. The error says what is wrong with it; rejects when it cannot be
 * fetched or the sink fails.
 */
export async function readLayer(
  blob: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  sink: LayerSink,
  limits: { readonly unpackedBytes: number; readonly entries: number } = layerLimits,
): Promise<Result<LayerSummary, string>> {
  const extract = tar.extract()
  const hash = createHash('sha256')
  let tarBytes = 0
  const measure = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      hash.update(chunk)
      tarBytes += chunk.length
      // Beside its files there are headers, and whatever somebody put behind the end.
      if (tarBytes > limits.unpackedBytes * 2)
        throw new LayerDamage(`it is larger than ${limits.unpackedBytes * 2} bytes`)
      yield chunk
    }
  }
  const source = new Source(blob)
  const feeding = pipeline(Readable.from(source.chunks()), decompressor(compression), measure, extract)
  const reading = readEntries(extract, sink, limits)
  // Whichever fails first makes the other fail; what it says is what counts.
  feeding.catch((error: Error) => extract.destroy(error))
  reading.catch((error: Error) => extract.destroy(error))
  try {
    const [read] = await Promise.all([reading, feeding])
    return ok({ diffId: hash.digest('hex'), tarBytes, ...read })
  } catch (error) {
    await Promise.allSettled([reading, feeding])
    if (source.failure !== undefined) throw source.failure
    if (isDamage(error)) return err((error as Error).message)
    throw error
  }
}

async function readEntries(
  extract: tar.Extract,
  sink: LayerSink,
  limits: { readonly unpackedBytes: number; readonly entries: number },
): Promise<{ readonly unpackedBytes: number; readonly entries: number }> {
  let [unpackedBytes, entries] = [0, 0]
  for await (const stream of extract) {
    entries += 1
    if (entries > limits.entries) throw new LayerDamage(`it has more than ${limits.entries} entries`)
    const checked = checkLayerEntry(stream.header)
    if (!checked.ok) throw new LayerDamage(checked.error)
    const entry = checked.value
    if (entry.kind === 'file') {
      const file = sink.file(entry)
      try {
        for await (const chunk of stream) {
          unpackedBytes += (chunk as Uint8Array).length
          if (unpackedBytes > limits.unpackedBytes)
            throw new LayerDamage(`it holds more than ${limits.unpackedBytes} bytes`)
          file.write(chunk as Uint8Array)
        }
      } finally {
        file.end()
      }
      continue
    }
    if (entry.kind !== 'nothing') sink.other(entry)
    stream.resume()
  }
  return { unpackedBytes, entries }
}

/** Remembers that it was the fetching that failed, which is no fault of the layer. */
class Source {
  failure: unknown
  readonly #blob: AsyncIterable<Uint8Array>

  constructor(blob: AsyncIterable<Uint8Array>) {
    this.#blob = blob
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    const from = this.#blob[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await this.#next(from)
        if (next.done) return
        yield next.value
      }
    } finally {
      await from.return?.()
    }
  }

  async #next(from: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await from.next()
    } catch (error) {
      this.failure = error
      throw error
    }
  }
}

/** A stream that takes a layer's blob and gives its tar. */
export function decompressor(compression: LayerCompression): Transform {
  switch (compression) {
    case 'gzip':
      return createGunzip()
    case 'zstd':
      return createZstdDecompress()
    case 'none':
      return new PassThrough()
  }
}

/** Of the errors that a layer can cause: our own, those of zlib, and those of the tar reader, which have no code. */
function isDamage(error: unknown): boolean {
  if (error instanceof LayerDamage) return true
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined) return code.startsWith('Z_') || code.startsWith('ZSTD_')
  return /invalid (tar )?header|end of data|max size/i.test((error as Error).message)
}
