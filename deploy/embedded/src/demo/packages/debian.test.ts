import { expect, it } from 'vitest'
import { licenceOfCopyright } from './debian.ts'

it('reads the first licence of a machine-readable copyright file', () => {
  const text =
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n text\n'
  expect(licenceOfCopyright(text)).toBe('GPL-2+')
})

it('falls back to the common licence that a free-form file points to', () => {
  expect(licenceOfCopyright('see /usr/share/common-licenses/LGPL-2.1.\n')).toBe('LGPL-2.1')
})

it('knows no licence where none is named', () => {
  expect(licenceOfCopyright('Copyright 1999 somebody\nLicense:\n')).toBeUndefined()
})
