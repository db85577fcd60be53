import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { ZipFile } from 'yazl'

/** Any fixed time: equal folders then make equal zips, and an unchanged function is recognised by its digest. */
const sometime = new Date(Date.UTC(2020, 0, 1))

/** The files of a folder as a zip, with their executable bits. */
export async function zipFolder(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const zip = new ZipFile()
  for (const file of files.sort()) {
    const { mode } = await stat(file)
    zip.addBuffer(await readFile(file), relative(folder, file), {
      mtime: sometime,
      mode: 0o100000 | (mode & 0o111 ? 0o755 : 0o644),
    })
  }
  zip.end()
  return buffer(zip.outputStream)
}
