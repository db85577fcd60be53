import { execFile } from 'node:child_process'
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { insidePath } from '@weft/archive'
import type { ImageContent, ImageRoot } from '@weft/sandbox'

const run = promisify(execFile)

/** The tree of an image where sandboxes can have it as their root. */
export class OciImageRoot implements ImageRoot {
  readonly path: string
  readonly extensions: readonly string[]
  readonly #release: () => Promise<void>
  #released: Promise<void> | undefined

  constructor(path: string, extensions: readonly string[], release: () => Promise<void>) {
    this.path = path
    this.extensions = extensions
    this.#release = release
  }

  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }
}

interface Shown {
  readonly path: string
  readonly ready: Promise<void>
  users: number
}

/**
 * Shows trees of images in a folder that users of sandboxes can walk to, as read-only mounts: the data folder, in which
 * they lie, may be in somebody's home.
 */
export class ImageRoots {
  readonly #dir: string
  readonly #shown = new Map<string, Shown>()
  /** Unmounting and mounting the same one in their order. */
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(dir: string) {
    this.#dir = dir
  }

  async open(content: ImageContent): Promise<OciImageRoot> {
    const tree = await content.tree()
    const shown = this.#shown.get(tree.dir) ?? this.#show(tree.dir)
    shown.users += 1
    try {
      await shown.ready
      const extensions = await programsIn(insidePath(tree.dir, '/opt/extensions'))
      return new OciImageRoot(shown.path, extensions, () => this.#close(tree, shown))
    } catch (error) {
      await this.#close(tree, shown)
      throw error
    }
  }

  /** Resolves when what was released is hidden. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#leaving.values())
  }

  async #close(tree: { readonly dir: string; release(): void }, shown: Shown): Promise<void> {
    shown.users -= 1
    try {
      if (shown.users === 0 && this.#shown.get(tree.dir) === shown) await this.#hide(tree.dir, shown)
    } finally {
      tree.release()
    }
  }

  #show(tree: string): Shown {
    const path = join(this.#dir, basename(tree))
    const show = async (): Promise<void> => {
      await this.#leaving.get(tree)
      await mkdir(path, { recursive: true, mode: 0o711 })
      await run('mount', ['--bind', '-o', 'ro,nosuid,nodev', tree, path])
    }
    const shown: Shown = { path, ready: show(), users: 0 }
    this.#shown.set(tree, shown)
    shown.ready.catch(() => this.#shown.delete(tree))
    return shown
  }

  async #hide(tree: string, { path }: Shown): Promise<void> {
    this.#shown.delete(tree)
    const hide = async (): Promise<void> => {
      await run('umount', ['--lazy', path])
      await rmdir(path)
    }
    const leaving = hide().finally(() => this.#leaving.delete(tree))
    this.#leaving.set(tree, leaving)
    await leaving
  }
}

/** Names of what may be a program in a folder; none where there is no folder. */
async function programsIn(dir: string | undefined): Promise<readonly string[]> {
  if (dir === undefined) return []
  try {
    const entries = await readdir(dir, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return []
    throw error
  }
}
