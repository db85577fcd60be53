import type { Result } from '@weft/contracts'
import { LayerFolder } from './layer-folder.ts'
import { type LayerCompression, type LayerSummary, readLayer } from './read-layer.ts'

/**
 * Unpacks a layer of a container image into an empty folder that only the caller can reach while it works. The error says
 * what is wrong with the layer; rejects when it cannot be fetched or the disk fails.
 */
export async function unpackLayer(
  blob: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  folder: string,
): Promise<Result<LayerSummary, string>> {
  const sink = new LayerFolder(folder)
  const result = await readLayer(blob, compression, sink)
  if (result.ok) sink.finish()
  return result
}
