import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { err, ok, type Result } from '@weft/contracts'
import { DiskKeeper, keeperPython } from './disk-keeper.ts'

const run = promisify(execFile)

/**
 * Small file systems of a fixed size, for the /tmp of a sandbox: ext4 in a sparse file, mounted through a loop device.
 * A tmpfs would count against the sandbox's memory limit, and a plain folder has no limit of size or inodes.
 */
export interface ScratchDisks {
  /** Mounts a new disk at the folder, which is made; its root belongs to the user and is open to all (1777). */
  mount(folder: string, sizeMb: number, owner: { readonly uid: number; readonly gid: number }): Promise<void>
  /** Unmounts it and removes its file and the folder. Without effect when there is none. */
  unmount(folder: string): Promise<void>
  /** Ends what it keeps running; disks that are mounted stay. */
  close(): Promise<void>
}

const programMs = 20_000
/** One inode for each 16 KB, as mke2fs gives by default: a limit that ordinary use does not meet. */
const bytesPerInode = 16_384

/**
 * `dir` holds one formatted template for each size, of which a disk is a copy: formatting takes 30 ms. Templates stay for
 * later starts. Not for programs started one by one: to start one holds a large process up for 10 ms and more.
 */
export function scratchDisks(dir: string): ScratchDisks {
  const keeper = new DiskKeeper()
  const templates = new Map<number, Promise<string>>()
  const template = (sizeMb: number): Promise<string> => {
    const known = templates.get(sizeMb)
    if (known !== undefined) return known
    const made = makeTemplate(dir, sizeMb)
    templates.set(sizeMb, made)
    made.catch(() => templates.delete(sizeMb))
    return made
  }
  return {
    async mount(folder, sizeMb, owner) {
      try {
        await keeper.ask({ op: 'mount', template: await template(sizeMb), image: imageOf(folder), folder, ...owner })
      } catch (error) {
        await this.unmount(folder)
        throw error
      }
    },
    unmount: (folder) => keeper.ask({ op: 'unmount', image: imageOf(folder), folder }),
    close: () => keeper.close(),
  }
}

/** Whether this host can make such disks; the error names what is missing. */
export async function canMakeScratchDisks(path: string | undefined = process.env.PATH): Promise<Result<void, string>> {
  if (process.getuid?.() !== 0) return err('mounting a disk for /tmp takes root')
  const there = (file: string, mode: number) =>
    access(file, mode).then(
      () => true,
      () => false,
    )
  for (const program of ['mkfs.ext4', 'umount']) {
    const places = await Promise.all((path ?? '').split(':').map((dir) => there(join(dir, program), constants.X_OK)))
    if (!places.includes(true)) return err(`${program} is not on the PATH (Debian packages e2fsprogs, mount)`)
  }
  if (!(await there(keeperPython, constants.X_OK))) return err(`${keeperPython} is missing (Debian package python3)`)
  if (!(await there('/dev/loop-control', constants.R_OK))) return err('there is no /dev/loop-control')
  return ok(undefined)
}

const imageOf = (folder: string): string => `${folder}.ext4`

async function makeTemplate(dir: string, sizeMb: number): Promise<string> {
  const path = join(dir, `scratch-${sizeMb}.ext4`)
  await mkdir(dir, { recursive: true })
  const there = await access(path).then(
    () => true,
    () => false,
  )
  if (there) return path
  // Under another name first: a half-made template must never be found.
  const making = `${path}.${randomBytes(4).toString('hex')}`
  const options = ['-q', '-F', '-O', '^has_journal', '-m', '0', '-i', `${bytesPerInode}`]
  try {
    await run('mkfs.ext4', [...options, '-E', 'lazy_itable_init=1,nodiscard', making, `${sizeMb}M`], {
      timeout: programMs,
    })
    await rename(making, path)
  } finally {
    await rm(making, { force: true })
  }
  return path
}
