import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { insideUser } from './bundle.ts'

const folders = [
  'dev',
  'etc',
  'home',
  'opt',
  'proc',
  'root',
  'run/weft',
  'sys',
  'usr',
  'var/lang/bin',
  'var/runtime',
  'var/task',
]
/** On a merged-/usr system these are links into /usr, inside as outside. */
const usrLinks = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']

/** Host files that programs need beside /usr. */
export const sharedHostPaths = [
  '/usr',
  '/etc/ld.so.cache',
  '/etc/alternatives',
  '/etc/ssl',
  '/etc/ca-certificates',
  '/etc/localtime',
]

const etc: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/:/sbin/nologin\n${insideUser.name}:x:${insideUser.uid}:${insideUser.gid}::/tmp:/sbin/nologin\n`,
  group: `root:x:0:\n${insideUser.name}:x:${insideUser.gid}:\n`,
  hosts: '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'resolv.conf': '',
}

/**
 * Makes the folder that is the root of every sandbox: empty but for what programs expect, with the host's /usr bound
 * into it. Mount points are made here because inside nobody may.
 */
export async function makeRootfs(root: string): Promise<void> {
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true, mode: 0o755 })
  // runc gives a mount the mode of its mount point.
  await mkdir(join(root, 'tmp'), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  const inUsr = await readdir('/usr')
  for (const name of usrLinks) {
    if (inUsr.includes(name)) await symlink(`usr/${name}`, join(root, name))
  }
  for (const [name, text] of Object.entries(etc)) await writeFile(join(root, 'etc', name), text, { mode: 0o644 })
}

/** Makes the place where a host file or folder will be bound, unless that lies in a shared folder and so exists. */
export async function makeMountPoint(root: string, inside: string, isFolder: boolean): Promise<void> {
  const path = join(root, inside)
  if (isFolder) {
    await mkdir(path, { recursive: true, mode: 0o755 })
    return
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await writeFile(path, '', { flag: 'a', mode: 0o644 })
}
