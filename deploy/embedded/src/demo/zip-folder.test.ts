import { expect, it } from 'vitest'
import { exampleFunctions } from './functions.ts'
import { zipFolder } from './zip-folder.ts'

it('makes equal zips of equal folders', async () => {
  const [one, two] = [await zipFolder(exampleFunctions.ledger.folder), await zipFolder(exampleFunctions.ledger.folder)]
  expect(one.equals(two)).toBe(true)
  expect(one.includes('sigv4.mjs')).toBe(true)
})

it('keeps the executable bit of a bootstrap', async () => {
  const zip = await zipFolder(exampleFunctions.facts.folder)
  // Central directory entry: the upper half of the external attributes is the Unix mode, 42 bytes before the name.
  const name = zip.lastIndexOf('bootstrap')
  expect((zip.readUInt32LE(name - 8) >>> 16) & 0o777).toBe(0o755)
})
