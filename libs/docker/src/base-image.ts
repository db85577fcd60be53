import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { type Call, statusOf } from './engine.ts'

/** Marks images, so that they can be found and removed. */
export const baseImageLabel = 'weft.sandbox-base'

const folders = ['dev', 'etc', 'opt', 'proc', 'run', 'run/weft', 'sys', 'tmp', 'usr', 'var', 'var/task'] as const
/** Places that the engine binds files over; they must be there, since nothing can be made in a read-only root. */
const emptyFiles = [
  ...['etc/passwd', 'etc/group', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf'],
  ...['etc/ld.so.cache', 'etc/localtime'],
]
/** As on every host with a merged /usr, which is bound into the sandbox. */
const links = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib', lib64: 'usr/lib64' }
const files = { 'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n' }

/**
 * The root file system of a sandbox, without any program: a skeleton of about ten kilobytes over which the host's /usr
 * and the runtime are bound. It needs no registry, and the same content always gets the same name.
 */
export async function baseImageTar(): Promise<Buffer> {
  const pack = tar.pack()
  const content = buffer(pack)
  const mtime = new Date(0)
  for (const name of folders) pack.entry({ name, type: 'directory', mode: name === 'tmp' ? 0o1777 : 0o755, mtime })
  for (const [name, linkname] of Object.entries(links)) pack.entry({ name, type: 'symlink', linkname, mtime })
  for (const name of emptyFiles) pack.entry({ name, mode: 0o644, mtime }, '')
  for (const [name, text] of Object.entries(files)) pack.entry({ name, mode: 0o644, mtime }, text)
  pack.finalize()
  return content
}

/** Imports the image unless it is there; resolves to its name. */
export async function ensureBaseImage(docker: Docker, call: Call): Promise<string> {
  const content = await baseImageTar()
  const tag = createHash('sha256').update(content).digest('hex').slice(0, 12)
  const name = `weft-sandbox-base:${tag}`
  try {
    await docker.getImage(name).inspect()
    return name
  } catch (error) {
    if (statusOf(error) !== 404) throw error
  }
  const answer = await docker.importImage(Readable.from([content]), {
    repo: 'weft-sandbox-base',
    tag,
    changes: `LABEL ${baseImageLabel}=${tag}`,
    ...call,
  })
  answer.resume()
  await finished(answer)
  // The engine tells of a failure inside a successful answer.
  await docker.getImage(name).inspect()
  return name
}
