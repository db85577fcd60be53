import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type MasterKey, type MasterKeys, masterKeysText, newMasterKey, parseMasterKeys } from './master-keys.ts'
import { masterKeyIdOf, Sealer } from './sealer.ts'

const ring = (...keys: readonly MasterKey[]): MasterKeys => ({
  newest: () => keys.at(-1) as MasterKey,
  find: (id) => keys.find((key) => key.id === id),
  list: () => keys,
})
const [old, young] = [newMasterKey(1), newMasterKey(2)]
const resource = 'arn:aws:lambda::123456789012:function:f:$LATEST'

describe('a sealed secret', () => {
  it('opens for its resource, and is not the same twice', () => {
    const sealer = new Sealer(ring(old))
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 5_000 }), (text) => {
        const [one, two] = [sealer.seal(text, resource), sealer.seal(text, resource)]
        expect(one).not.toBe(two)
        expect(sealer.open(one, resource)).toEqual({ ok: true, value: text })
      }),
      { numRuns: 50 },
    )
  })

  it('stays closed for any other resource', () => {
    const sealer = new Sealer(ring(old))
    const envelope = sealer.seal('secret', resource)
    expect(sealer.open(envelope, resource.replace(':f:', ':g:'))).toEqual({
      ok: false,
      error: { kind: 'refused', keyId: old.id },
    })
    expect(sealer.rewrap(envelope, 'other')).toMatchObject({ error: { kind: 'refused' } })
  })

  it('stays closed when any character of it is changed', () => {
    const sealer = new Sealer(ring(old))
    const envelope = sealer.seal('secret', resource)
    for (let at = 0; at < envelope.length; at++) {
      const changed = `${envelope.slice(0, at)}${envelope[at] === 'A' ? 'Q' : 'A'}${envelope.slice(at + 1)}`
      const opened = sealer.open(changed, resource)
      // The last character of a part may hold bits that stand for nothing.
      if (opened.ok) expect(Buffer.from(changed, 'base64url')).toEqual(Buffer.from(envelope, 'base64url'))
    }
    for (const broken of ['', 'x', 'weft1', 'weft1.a.b', `${envelope}.x`, `weft2${envelope.slice(5)}`])
      expect(sealer.open(broken, resource).ok).toBe(false)
  })

  it('stays closed without its key, and says which that is', () => {
    const envelope = new Sealer(ring(old)).seal('secret', resource)
    expect(new Sealer(ring(young)).open(envelope, resource)).toEqual({
      ok: false,
      error: { kind: 'unknown-key', keyId: old.id },
    })
  })

  it('is wrapped anew under the newest key, and then needs the old one no more', () => {
    const envelope = new Sealer(ring(old)).seal('secret', resource)
    const both = new Sealer(ring(old, young))
    expect(both.open(envelope, resource)).toMatchObject({ value: 'secret' })
    const rewrapped = both.rewrap(envelope, resource)
    if (!rewrapped.ok) throw new Error('not rewrapped')
    expect(masterKeyIdOf(rewrapped.value)).toBe(young.id)
    expect(new Sealer(ring(young)).open(rewrapped.value, resource)).toMatchObject({ value: 'secret' })
    expect(both.rewrap(rewrapped.value, resource)).toEqual(rewrapped)
  })
})

describe('the file of master keys', () => {
  it('is read back, oldest first', () => {
    expect(parseMasterKeys(masterKeysText([young, old]))).toEqual({ ok: true, value: [old, young] })
  })

  it.each([
    ['', 'is not JSON'],
    ['{}', 'has no keys'],
    ['{"keys":[]}', 'has no keys'],
    ['null', 'has no keys'],
    [
      JSON.stringify({ keys: [{ id: old.id, key: young.key.toString('base64'), createdAtMs: 1 }] }),
      'has a damaged key',
    ],
    [JSON.stringify({ keys: [{ id: old.id, key: 'short', createdAtMs: 1 }] }), 'has a damaged key'],
  ])('%s is refused', (text, problem) => {
    expect(parseMasterKeys(text)).toMatchObject({ ok: false, error: expect.stringContaining(problem) })
  })
})
