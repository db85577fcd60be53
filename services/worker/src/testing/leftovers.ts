import { existsSync, globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ownerOf } from '../oci/owner.ts'
import { socketsDirOf } from '../service.ts'

/**
 * What of a worker with that data folder is left on the host: processes, mounts, loop devices, cgroups, sockets, files. A
 * network or mount namespace without a process in it goes by itself.
 */
export function leftovers(dataDir: string): readonly string[] {
  const owner = ownerOf(dataDir)
  const left: string[] = []
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  left.push(...mounts.filter((line) => line.includes(dataDir) || line.includes(owner)).map((line) => `mount ${line}`))
  for (const path of globSync('/sys/block/loop*/loop/backing_file'))
    if (readIfThere(path)?.startsWith(dataDir)) left.push(`${path}: ${readIfThere(path)}`)
  left.push(
    ...globSync(`/sys/fs/cgroup/{*/,}weft/${owner}/*`).filter((path) => !/\/(cgroup|cpu|memory)[^/]*$/.test(path)),
  )
  for (const folder of ['process-sandboxes', 'docker-sandboxes', 'docker-disks', 'disks'])
    left.push(...filesIn(join(dataDir, folder)))
  left.push(...filesIn(`/run/weft-${owner}/sandboxes`), ...filesIn(`/run/weft-${owner}/state`))
  if (existsSync(socketsDirOf(dataDir))) left.push(socketsDirOf(dataDir))
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)) {
    const command = readIfThere(`/proc/${pid}/cmdline`) ?? ''
    const group = readIfThere(`/proc/${pid}/cgroup`) ?? ''
    const [cwd, root] = [linkOf(`/proc/${pid}/cwd`), linkOf(`/proc/${pid}/root`)]
    // Dead; to bury it is up to the process that inherited it.
    if (/^\d+ \(.*\) Z /s.test(readIfThere(`/proc/${pid}/stat`) ?? '')) continue
    if (command.includes(dataDir) || group.includes(`/weft/${owner}`) || `${cwd}${root}`.includes(dataDir))
      left.push(`process ${pid}: ${command.replaceAll('\0', ' ')}`)
  }
  return left
}

const filesIn = (folder: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []

/** What is looked at may end at any time. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENODEV', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
