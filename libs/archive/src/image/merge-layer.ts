import { chmod, link, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { opaqueMark, whitedOut } from './layer-entry.ts'

const atOnce = 64

/**
 * Lays an unpacked layer over a tree of those below it, without copying: folders are made anew, everything else gets
 * another name in the tree. What the layer's whiteouts name goes first. No link is followed, so nothing outside the tree
 * is touched; nobody may write to its files, which are the layer's.
 */
export async function mergeLayer(layer: string, tree: string): Promise<void> {
  const entries = await readdir(layer, { withFileTypes: true })
  if (entries.some(({ name }) => name === opaqueMark)) await empty(tree)
  const marks = entries.map(({ name }) => whitedOut(name)).filter((name) => name !== undefined)
  for (const name of marks) await rm(join(tree, name), { recursive: true, force: true })
  const kept = entries.filter(({ name }) => name !== opaqueMark && whitedOut(name) === undefined)
  const others = kept.filter((entry) => !entry.isDirectory())
  for (let i = 0; i < others.length; i += atOnce)
    await Promise.all(others.slice(i, i + atOnce).map(({ name }) => linkOver(join(layer, name), join(tree, name))))
  for (const { name } of kept.filter((entry) => entry.isDirectory())) {
    await makeFolder(join(tree, name))
    await mergeLayer(join(layer, name), join(tree, name))
  }
  await chmod(tree, (await stat(layer)).mode & 0o1777)
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
}

async function makeFolder(path: string): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (there?.isDirectory()) return
  if (there) await rm(path)
  await mkdir(path)
}

async function linkOver(from: string, to: string): Promise<void> {
  try {
    // A symbolic link gets another name, too: it is not followed.
    await link(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    await rm(to, { recursive: true })
    await link(from, to)
  }
}
