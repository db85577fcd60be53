import { expect, it } from 'vitest'
import { openPackage, sealPackage } from './package-seal.ts'

const zip = Buffer.from('PK a package')

it('a package is opened by its own key alone, and only as it was sealed', () => {
  const { bytes, digest, key } = sealPackage(zip)
  expect(openPackage(bytes, key)).toEqual(zip)
  expect(digest).toMatch(/^[0-9a-f]{64}$/)
  expect(() => openPackage(bytes, sealPackage(zip).key)).toThrow()
  expect(() => openPackage(Buffer.concat([bytes.subarray(0, -1), Buffer.from([1])]), key)).toThrow()
})

it('nothing of it shows, and no two seals are alike', () => {
  const [one, two] = [sealPackage(zip), sealPackage(zip)]
  expect(one.bytes.includes('PK')).toBe(false)
  expect(one.digest).not.toBe(two.digest)
})
