import type { FabricConnection } from '@weft/contracts'
import { orFail } from './failure.ts'

export { DemoFailure } from './failure.ts'

/**
 * The main job on real input, done as a client: deploys the functions of `examples/`, streams the packages of this
 * machine through them and tries every door, and writes what came of it to `out` as tables. Runs again without
 * harm: functions are brought up to date, and only packages that the stream does not have are published.
 * Rejects with a `DemoFailure`, whose message is one clear line, when a step fails or misses its deadline.
 */
export const runDemo = (fabric: FabricConnection, out: NodeJS.WritableStream): Promise<void> =>
  orFail('the main job', async () => {
    // The AWS SDK takes longer to load than the fabric to start; only the main job needs it.
    const { demo } = await import('./run-demo.ts')
    await demo(fabric, out)
  })
