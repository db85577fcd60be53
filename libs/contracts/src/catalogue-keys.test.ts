import { describe, expect, it } from 'vitest'
import { accountId, functionName } from './ids.ts'
import { catalogueKeys, parseCatalogueKey } from './subjects.ts'

const account = accountId('123456789012')
const name = functionName('f')
const whose = { accountId: account, functionName: name }

describe('keys of the catalogue', () => {
  it.each([
    [catalogueKeys.function(account, name), { kind: 'function', ...whose }],
    [catalogueKeys.version(account, name, '12'), { kind: 'version', ...whose, qualifier: '12' }],
    [catalogueKeys.alias(account, name, 'live'), { kind: 'alias', ...whose, qualifier: 'live' }],
    [catalogueKeys.numbering(account, name), { kind: 'numbering', ...whose }],
  ])('%s is read back', (key, expected) => {
    expect(parseCatalogueKey(key)).toEqual({ ok: true, value: expected })
  })

  it.each([
    '',
    'x.f',
    '123456789012',
    '123456789012.f.version',
    '123456789012.f.version.1.2',
    '123456789012.f.other.1',
  ])('%j is none', (key) => {
    expect(parseCatalogueKey(key).ok).toBe(false)
  })

  it('takes no qualifier that would part tokens', () => {
    for (const bad of ['a.b', '*', '>', 'a b', ''])
      expect(() => catalogueKeys.alias(account, name, bad)).toThrow('not a qualifier')
  })
})
