import { existsSync } from 'node:fs'
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, delay } from '@weft/platform'

const mountPoint = '/sys/fs/cgroup'
const busyRounds = 100
const busyWaitMs = 10

/** The hierarchies of cgroups on this host: one under version 2, one for each controller under version 1. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(mountPoint, 'cgroup.controllers'))) return [mountPoint]
  return (await readdir(mountPoint)).map((name) => join(mountPoint, name))
}

/** Folders of the sandbox's cgroup, in every hierarchy that has one; with "" those that hold all of the owner's. */
export async function groupFolders(owner: string, sandboxId: string): Promise<readonly string[]> {
  const folders = (await hierarchies()).map((root) => join(root, 'weft', owner, sandboxId))
  return folders.filter((folder) => existsSync(folder))
}

/** Sandboxes of the owner that have a cgroup. */
export async function sandboxesIn(owner: string): Promise<readonly string[]> {
  const found = new Set<string>()
  for (const folder of await groupFolders(owner, '')) {
    for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) found.add(entry.name)
  }
  return [...found]
}

/** Kills everything in the sandbox's cgroup, frozen or not. */
export async function killGroup(owner: string, sandboxId: string): Promise<void> {
  const folders = await groupFolders(owner, sandboxId)
  for (let round = 0; round < busyRounds; round++) {
    let alive = 0
    for (const folder of folders) {
      for (const pid of await pidsIn(folder)) {
        alive += 1
        try {
          process.kill(pid, 'SIGKILL')
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
        }
      }
    }
    if (alive === 0) return
    // Under version 1 a frozen process dies only once it is thawed.
    for (const folder of folders) {
      for (const [file, value] of [
        ['freezer.state', 'THAWED'],
        ['cgroup.freeze', '0'],
      ] as const) {
        if (existsSync(join(folder, file))) await writeFile(join(folder, file), value).catch(ignoreGone)
      }
    }
  }
}

/** Removes the sandbox's cgroup, whose processes have ended or are about to; with "" the owner's, when it is empty. */
export async function removeGroup(owner: string, sandboxId: string, clock: Clock): Promise<void> {
  for (const folder of await groupFolders(owner, sandboxId)) {
    for (let round = 0; existsSync(folder); round++) {
      try {
        await rmdir(folder)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOENT') break
        // Under the owner's folder there may be sandboxes of another start, which clean up after themselves.
        if (
          code !== 'EBUSY' ||
          round >= busyRounds ||
          (sandboxId === '' && (await readdir(folder, { withFileTypes: true })).some((e) => e.isDirectory()))
        ) {
          if (sandboxId === '') break
          throw error
        }
        await delay(clock, busyWaitMs)
      }
    }
  }
}

async function pidsIn(folder: string): Promise<readonly number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(ignoreGone)
  // 0 stands for a process that cannot be seen from here; to kill it would be to kill this one's whole group.
  return (text ?? '')
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
}

function ignoreGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error
}
