import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskKeeper } from './disk-keeper.ts'
import { canMakeScratchDisks, scratchDisks } from './scratch-disk.ts'

test('a disk belongs to its owner, is empty and full at its size, and goes without a trace', async () => {
  expect(await canMakeScratchDisks()).toEqual({ ok: true, value: undefined })
  const dir = await mkdtemp(join(tmpdir(), 'weft-scratch-'))
  const folder = join(dir, 'a', 'tmp')
  const disks = scratchDisks(dir)
  await disks.mount(folder, 16, { uid: 4242, gid: 4243 })
  try {
    const { uid, gid, mode } = await stat(folder)
    expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 4242, gid: 4243, mode: 0o1777 })
    expect(await readdir(folder)).toEqual([])
    await expect(writeFile(join(folder, 'much'), Buffer.alloc(17 * 1024 * 1024))).rejects.toThrow('ENOSPC')
  } finally {
    await disks.unmount(folder)
  }
  expect(await readdir(dir)).toEqual(['a', 'scratch-16.ext4'])
  expect(await readdir(join(dir, 'a'))).toEqual([])
  expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(dir)
  await disks.unmount(folder)
  await disks.close()
  await rm(dir, { recursive: true })
})

test('many disks come and go at once, and what cannot be mounted says why and leaves nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'weft-scratch-'))
  const disks = scratchDisks(dir)
  const owner = { uid: 0, gid: 0 }
  const folders = Array.from({ length: 6 }, (_, n) => join(dir, `${n}`))
  await Promise.all(folders.map((folder) => disks.mount(folder, 16, owner)))
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  for (const folder of folders) expect(mounts).toContain(` ${folder} `)
  await Promise.all(folders.map((folder) => disks.unmount(folder)))
  expect(await readdir(dir)).toEqual(['scratch-16.ext4'])

  await writeFile(join(dir, 'scratch-17.ext4'), Buffer.alloc(1 << 20))
  await expect(disks.mount(join(dir, 'broken'), 17, owner)).rejects.toThrow('mount: Invalid argument')
  expect(await readdir(dir)).toEqual(['scratch-16.ext4', 'scratch-17.ext4'])
  await disks.close()
  await rm(dir, { recursive: true })
})

test('a keeper that was killed is followed by another', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'weft-scratch-'))
  const keeper = new DiskKeeper()
  const gone = { op: 'unmount', image: join(dir, 'none.ext4'), folder: join(dir, 'none') } as const
  await keeper.ask(gone)
  process.kill(keeper.pid as number, 'SIGKILL')
  while (keeper.pid !== undefined) await new Promise((resolve) => setImmediate(resolve))
  await keeper.ask(gone)
  await keeper.close()
  expect(keeper.pid).toBeUndefined()
  await rm(dir, { recursive: true })
})

test('what is missing is named', async () => {
  expect(await canMakeScratchDisks('/nowhere')).toEqual({ ok: false, error: expect.stringContaining('mkfs.ext4') })
})
