import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const specification = readFileSync(`${root}docs/spec.md`, 'utf8')
const rows = specification.split('\n').filter((line) => /^\| \d+\.\d+ \|/.test(line))

it('names only tests that exist', () => {
  const missing: string[] = []
  for (const row of rows) {
    const heldBy = row.split(' | ').at(-1) ?? ''
    for (const [, reference = ''] of heldBy.matchAll(/`([^`]+)`/g)) {
      const [file = '', title] = reference.split(' › ')
      const text = textOf(file)
      if (text === undefined || (title !== undefined && !text.includes(title))) missing.push(reference)
    }
  }
  expect(missing).toEqual([])
})

it('gives each promise a number of its own and a test, or says that none holds it', () => {
  const numbers = rows.map((row) => /^\| (\d+\.\d+)/.exec(row)?.[1])
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(rows.filter((row) => !/\| (`.+`|open) \|$/.test(row))).toEqual([])
})

function textOf(file: string): string | undefined {
  try {
    return readFileSync(root + file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
