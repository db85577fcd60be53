import { err, isolationOfRuntime, ok, type Result } from '@weft/contracts'
import type { Logger } from '@weft/platform'
import type { SandboxDriver } from '@weft/sandbox'
import type { DriverChoice } from './config.ts'
import { NamespaceHelper } from './oci/helper.ts'
import { createOciDriver } from './oci/oci-driver.ts'
import { createProcessDriver } from './process-driver.ts'

export interface DriverOptions {
  readonly choice: DriverChoice
  /** The worker's data folder. */
  readonly dataDir: string
  readonly log: Logger
  /** Of the Docker engine; its default when absent. */
  readonly dockerSocket?: string
  /** Low-level runtime: a program, or what the Docker engine names it; `runc` when absent. */
  readonly engineRuntime?: string
}

export interface ChosenDriver {
  readonly driver: SandboxDriver
  /** One sentence for the start: what was chosen, why, and what it isolates. */
  readonly explanation: string
}

/**
 * Probes what the host has and chooses. `auto` takes runc, else a Docker engine, and never goes without isolation. The
 * error says what is missing.
 */
export async function chooseDriver(options: DriverOptions): Promise<Result<ChosenDriver, string>> {
  const { choice, engineRuntime = 'runc' } = options
  // Only an engine knows how to run functions under another kernel: nothing weaker takes its place.
  const ownKernel = isolationOfRuntime(engineRuntime) !== 'container'
  if (ownKernel && choice !== 'docker' && choice !== 'auto')
    return err(`${engineRuntime} takes the docker driver; "${choice}" was asked for`)
  if (ownKernel) return tryDriver(await make('docker', options), `${engineRuntime} was asked for`)
  if (choice !== 'auto') return tryDriver(await make(choice, options), 'as asked')
  const oci = await tryDriver(await make('oci', options), 'the host can run it')
  if (oci.ok) return oci
  const docker = await tryDriver(await make('docker', options), `not oci: ${oci.error}`)
  if (docker.ok) return docker
  return err(
    `no sandbox can be made: oci: ${oci.error}; docker: ${docker.error}; to run functions without any isolation ask for "process"`,
  )
}

async function make(name: SandboxDriver['name'], options: DriverOptions): Promise<SandboxDriver> {
  const { dataDir, log, dockerSocket, engineRuntime } = options
  switch (name) {
    case 'oci':
      return createOciDriver({ dataDir, log, ...(engineRuntime !== undefined && { runtimeBinary: engineRuntime }) })
    case 'docker': {
      // The engine's client takes memory that only its users need.
      const { createDockerDriver } = await import('@weft/docker')
      return createDockerDriver({
        ...{ dataDir, log },
        // Entering the namespaces of containers takes root, and containers that have some of this host's kernel.
        ...(process.getuid?.() === 0 &&
          isolationOfRuntime(engineRuntime ?? 'runc') === 'container' && { helper: new NamespaceHelper(log) }),
        ...(dockerSocket !== undefined && { socketPath: dockerSocket }),
        ...(engineRuntime !== undefined && { engineRuntime }),
      })
    }
    case 'process':
      return createProcessDriver({ dataDir })
  }
}

async function tryDriver(driver: SandboxDriver, why: string): Promise<Result<ChosenDriver, string>> {
  const probed = await driver.probe()
  if (probed.ok) return ok({ driver, explanation: `${driver.name} (${why}): ${driver.describe}` })
  await driver.close?.()
  return err(probed.error)
}
