import { chmod, lstat, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { insideUser } from '../oci/bundle.ts'

const folders = ['dev', 'proc', 'run', 'run/weft', 'sys', 'tmp', 'etc'] as const
/** As in sandboxes of other functions; an image's own users are not run as anyway. */
const etc: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/root:/sbin/nologin\n${insideUser.name}:x:${insideUser.uid}:${insideUser.gid}::/tmp:/sbin/nologin\n`,
  group: `root:x:0:\n${insideUser.name}:x:${insideUser.gid}:\n`,
  hosts: '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n',
  'resolv.conf': '',
}

/**
 * Makes an image's tree fit to be the root of sandboxes: places where what every sandbox has will be mounted, because
 * inside nobody may make them, and the files that tell who it is. What the image has there under the same name gives way;
 * nothing is written into its files, which belong to its layers.
 */
export async function fitTree(tree: string): Promise<void> {
  for (const folder of folders) {
    const path = join(tree, folder)
    if ((await kindOf(path)) !== 'folder') {
      await rm(path, { force: true })
      await mkdir(path, { mode: 0o755 })
    }
  }
  // runc gives a mount the mode of its mount point.
  await chmod(join(tree, 'tmp'), 0o1777)
  for (const [name, text] of Object.entries(etc)) {
    const path = join(tree, 'etc', name)
    await rm(path, { recursive: true, force: true })
    await writeFile(path, text, { flag: 'wx', mode: 0o644 })
  }
}

async function kindOf(path: string): Promise<'folder' | 'other' | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}
