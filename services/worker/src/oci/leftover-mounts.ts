import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Unmounts whatever is mounted below the folder, deepest first; resolves to what it was. */
export async function removeMountsBelow(folder: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)
  for (const path of mounts) await run('umount', ['--lazy', path])
  return mounts.map((path) => `mount ${path}`)
}

/** The kernel writes white space and backslashes in paths as three octal digits. */
const unescapeOctal = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
