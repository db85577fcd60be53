import { expect, it } from 'vitest'
import { packageId, packageSubject } from './package-record.ts'

const zlib = { kind: 'dpkg', name: 'zlib1g', version: '1:1.2.13.dfsg-1', bytes: 171_008 } as const

it('gives equal packages equal subjects, whatever their names hold', () => {
  expect(packageId(zlib)).toBe('dpkg:zlib1g@1:1.2.13.dfsg-1')
  expect(packageSubject({ ...zlib, bytes: 0 })).toBe(packageSubject(zlib))
  expect(packageSubject({ ...zlib, version: '1:1.3' })).not.toBe(packageSubject(zlib))
  expect(packageSubject({ ...zlib, name: 'a.b *>' })).toMatch(/^packages\.dpkg\.[0-9a-f]{24}$/)
})
