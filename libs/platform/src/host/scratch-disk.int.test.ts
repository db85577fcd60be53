import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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
  await rm(dir, { recursive: true })
})

test('what is missing is named', async () => {
  expect(await canMakeScratchDisks('/nowhere')).toEqual({ ok: false, error: expect.stringContaining('mkfs.ext4') })
})
