import { createDockerDriver } from '@weft/docker'
import { startDockerd } from '@weft/docker/testing'
import { silentLogger as log } from '@weft/platform'
import type { SandboxDriver } from '@weft/sandbox'
import { NamespaceHelper } from '../oci/helper.ts'
import { createOciDriver } from '../oci/oci-driver.ts'
import { createProcessDriver } from '../process-driver.ts'

export interface PreparedHost extends AsyncDisposable {
  readonly create: (dataDir: string) => SandboxDriver
  /** Of the Docker engine, where there is one. */
  readonly socketPath?: string
}

export interface DriverUnderTest {
  readonly name: SandboxDriver['name']
  /** What the driver needs of the host; started once. */
  readonly prepare: () => Promise<PreparedHost>
}
const nothing = { [Symbol.asyncDispose]: async () => undefined }
export const drivers: readonly DriverUnderTest[] = [
  { name: 'oci', prepare: async () => ({ create: (dataDir) => createOciDriver({ dataDir, log }), ...nothing }) },
  {
    name: 'docker',
    prepare: async () => {
      const engine = await startDockerd()
      const { socketPath } = engine
      return {
        socketPath,
        create: (dataDir) => createDockerDriver({ dataDir, socketPath, log, helper: new NamespaceHelper(log) }),
        [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
      }
    },
  },
  { name: 'process', prepare: async () => ({ create: (dataDir) => createProcessDriver({ dataDir }), ...nothing }) },
]
