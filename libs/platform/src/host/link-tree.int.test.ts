import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { linkTree } from './link-tree.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-link-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function tree(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(dir, name)
  mkdirSync(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(root, path))
    else writeFileSync(join(root, path), text)
  }
  return root
}
const textOf = (path: string): string => readFileSync(join(dir, 'target', path), 'utf8')

test('files are the same file, links are links, and a later tree shadows an earlier one', async () => {
  const first = tree('first', { 'lib/a': 'a1', 'lib/b': 'b1', 'bin/tool': '-> ../lib/a' })
  const second = tree('second', { 'lib/b': 'b2', 'lib/c/d': 'd2' })
  mkdirSync(join(dir, 'target'))
  await linkTree(first, join(dir, 'target'))
  await linkTree(second, join(dir, 'target'))
  expect(readdirSync(join(dir, 'target/lib')).sort()).toEqual(['a', 'b', 'c'])
  expect([textOf('lib/a'), textOf('lib/b'), textOf('lib/c/d')]).toEqual(['a1', 'b2', 'd2'])
  expect(readlinkSync(join(dir, 'target/bin/tool'))).toBe('../lib/a')
  expect(statSync(join(dir, 'target/lib/a')).ino).toBe(statSync(join(first, 'lib/a')).ino)
  expect(readFileSync(join(first, 'lib/b'), 'utf8')).toBe('b1')
})

test('a link of one tree leads no file of another out of the target', async () => {
  const outside = tree('outside', { kept: 'kept' })
  const first = tree('first', { lib: `-> ${outside}`, file: '1', 'folder/x': 'x' })
  const second = tree('second', { 'lib/kept': 'stolen', 'file/now': 'a folder', folder: 'a file' })
  mkdirSync(join(dir, 'target'))
  await linkTree(first, join(dir, 'target'))
  await linkTree(second, join(dir, 'target'))
  expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept')
  expect([textOf('lib/kept'), textOf('file/now'), textOf('folder')]).toEqual(['stolen', 'a folder', 'a file'])
})
