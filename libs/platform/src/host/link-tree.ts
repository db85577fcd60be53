import { copyFile, link, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'

const atOnce = 64

/**
 * Adds the content of `source` to `target` (an existing folder that nobody else changes meanwhile) without copying it:
 * folders are made anew, files are hard links, symbolic links are made again. What is there under the same name gives
 * way, unless both are folders; no symbolic link is followed, so nothing outside `target` is touched. Files of another
 * file system are copied. The content is shared with every other user of `source`, so nobody may write to it.
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
        const make = async () => (entry.isSymbolicLink() ? symlink(await readlink(from), to) : linkFile(from, to))
        try {
          await make()
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
          await rm(to, { recursive: true })
          await make()
        }
      }),
    )
  for (const { name } of folders) {
    const folder = join(target, name)
    const there = await lstat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (!there?.isDirectory()) {
      if (there) await rm(folder)
      await mkdir(folder)
    }
    await linkTree(join(source, name), folder)
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
