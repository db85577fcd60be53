import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'

const atOnce = 64

/**
 * Gives `target` (an existing, empty folder) the content of `source` without copying it: folders are made anew, files
 * are hard links, symbolic links are made again. Files of another file system are copied. The content is shared with
 * every sandbox of the same package, so nobody may write to it.
 */
export async function linkTree(source: string, target: string): Promise<void> {
  const entries = await readdir(source, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory())
  const others = entries.filter((entry) => !entry.isDirectory())
  for (let i = 0; i < others.length; i += atOnce)
    await Promise.all(
      others.slice(i, i + atOnce).map(async (entry) => {
        const from = join(source, entry.name)
        const to = join(target, entry.name)
        if (entry.isSymbolicLink()) await symlink(await readlink(from), to)
        else await linkFile(from, to)
      }),
    )
  for (const { name } of folders) {
    await mkdir(join(target, name))
    await linkTree(join(source, name), join(target, name))
  }
}

async function linkFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // EXDEV: another file system. EMLINK: the file has as many names as it can.
    if (code !== 'EXDEV' && code !== 'EMLINK') throw error
    await copyFile(from, to)
  }
}
