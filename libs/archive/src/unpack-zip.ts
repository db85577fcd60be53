import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AwsError, Result } from '@weft/contracts'
import { type PackageSink, type PackageSummary, readZip } from './read-zip.ts'

/**
 * Unpacks a deployment package into an empty folder that only the caller can reach while it works. Modes become 0755
 * for folders and programs and 0644 for files, whatever the package says, as on AWS. Rejects when the disk fails.
 */
export async function unpackZip(zip: Buffer, folder: string): Promise<Result<PackageSummary, AwsError>> {
  const links: [path: string, target: string][] = []
  const sink: PackageSink = {
    directory: (path) => makeFolder(join(folder, path)),
    file(path, executable) {
      makeFolder(dirname(join(folder, path)))
      // 'wx': never through something that is already there.
      const fd = openSync(join(folder, path), 'wx', executable ? 0o755 : 0o644)
      return { write: (chunk) => writeAll(fd, chunk), end: () => closeSync(fd) }
    },
    // Links last, so that nothing is ever written through one.
    symlink: (path, target) => links.push([path, target]),
  }
  chmodSync(folder, 0o755)
  const result = await readZip(zip, sink)
  if (!result.ok) return result
  for (const [path, target] of links) {
    makeFolder(dirname(join(folder, path)))
    symlinkSync(target, join(folder, path))
  }
  return result
}

const makeFolder = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o755 })
}

function writeAll(fd: number, chunk: Buffer): void {
  for (let offset = 0; offset < chunk.length; ) offset += writeSync(fd, chunk, offset)
}
