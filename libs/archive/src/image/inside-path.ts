import { lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** As the kernel has it for links that follow one another. */
export const mostLinks = 40

export const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.')

/**
 * The host's path of what a path inside an unpacked image names, following links as they are followed inside: none leads
 * out of `root`. Undefined when there is nothing. For trees that nobody changes.
 */
export function insidePath(root: string, path: string): string | undefined {
  const left = partsOf(path)
  let at: string[] = []
  let links = 0
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '..') {
      at.pop()
      continue
    }
    const here = join(root, ...at, part)
    const there = lstatSync(here, { throwIfNoEntry: false })
    if (!there || (left.length > 0 && !there.isDirectory() && !there.isSymbolicLink())) return undefined
    if (!there.isSymbolicLink()) {
      at.push(part)
      continue
    }
    links += 1
    if (links > mostLinks) return undefined
    const target = readlinkSync(here)
    if (target.startsWith('/')) at = []
    left.unshift(...partsOf(target))
  }
  return join(root, ...at)
}
