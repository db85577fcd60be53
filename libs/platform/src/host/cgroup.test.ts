import { expect, test } from 'vitest'
import { foldersIn } from './cgroup.ts'

const everything = () => true
const version1 = (folder: string) => !folder.startsWith('/cg/unified') && /^\/cg\/[a-z,]+\/weft\/a$/.test(folder)

test('version 1: each controller has its own folder', () => {
  expect(foldersIn('4:memory:/weft/a\n3:freezer:/weft/a\n2:cpu,cpuacct:/weft/a\n', '/cg', version1)).toEqual({
    memory: '/cg/memory/weft/a',
    freezer: '/cg/freezer/weft/a',
    cpu: '/cg/cpu/weft/a',
    cpuacct: '/cg/cpuacct/weft/a',
  })
})

test('version 1 with controllers mounted together only', () => {
  const check = (folder: string) => folder === '/cg/cpu,cpuacct/weft/a'
  expect(foldersIn('2:cpu,cpuacct:/weft/a\n', '/cg', check)).toEqual({
    cpu: '/cg/cpu,cpuacct/weft/a',
    cpuacct: '/cg/cpu,cpuacct/weft/a',
  })
})

test('hybrid: the unified hierarchy is below the mount point', () => {
  const check = (folder: string) => folder === '/cg/unified/weft/a'
  expect(foldersIn('4:memory:/\n0::/weft/a\n', '/cg', check)).toEqual({ unified: '/cg/unified/weft/a' })
})

test('a process in the root cgroup has none of its own', () => {
  expect(foldersIn('4:memory:/\n0::/\n', '/cg', everything)).toEqual({})
})

test('a folder that is not the one of the process is not taken', () => {
  expect(foldersIn('4:memory:/weft/a\n0::/weft/a\n', '/cg', () => false)).toEqual({})
})
