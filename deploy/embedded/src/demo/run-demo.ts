import type { Writable } from 'node:stream'
import type { FabricConnection } from '@weft/contracts'

/**
 * The main job on real input, done as a client: deploys the functions of `examples/`, streams the packages of this
 * machine through them and tries every door, and writes what came of it to `out` as tables.
 * Rejects with a `DemoFailure`, whose message is one clear line, when a step fails or misses its deadline.
 */
export async function runDemo(_fabric: FabricConnection, out: Writable): Promise<void> {
  out.write('\n')
}
