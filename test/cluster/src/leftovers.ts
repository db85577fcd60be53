import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import Docker from 'dockerode'
import type { ClusterState } from './engine-files.ts'

const label = (project: string) => ({ label: [`com.docker.compose.project=${project}`] })

/** Every trace of the project on the engine and on the host; empty after a clean end. */
export async function clusterLeftovers(state: ClusterState, containerIds: readonly string[]): Promise<string[]> {
  let left: string[] = []
  // A cgroup or a mount is busy for a moment after its last process has gone.
  for (let look = 0; look < 50; look++) {
    left = [...(await onEngine(state)), ...mounts(state), ...cgroups(containerIds)]
    if (left.length === 0) return left
    await wait(100)
  }
  return left
}

async function onEngine({ socketPath, project }: ClusterState): Promise<string[]> {
  const docker = new Docker({ socketPath })
  const filters = label(project)
  const [containers, networks, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ])
  return [
    ...containers.map(({ Names }) => `container ${Names.join(' ')}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...Volumes.map(({ Name }) => `volume ${Name}`),
  ]
}

const mounts = ({ project, clusterDir }: ClusterState): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${project}_`) || line.includes(clusterDir))
    .map((line) => `mount ${line}`)

/** Cgroups of the project's containers, and of sandboxes that their workers made. */
function cgroups(containerIds: readonly string[]): string[] {
  const root = '/sys/fs/cgroup'
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && containerIds.some((id) => entry.name.includes(id)))
    .map((entry) => `cgroup ${entry.parentPath}/${entry.name}`)
}

/** Names of the folders below the roots of all cgroup hierarchies, for a comparison of before and after. */
export function cgroupFolders(): ReadonlySet<string> {
  const entries = readdirSync('/sys/fs/cgroup', { recursive: true, withFileTypes: true })
  return new Set(entries.filter((entry) => entry.isDirectory()).map((entry) => `${entry.parentPath}/${entry.name}`))
}
