import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { IssuerKeys } from './issuer-keys.ts'
import { checkClaims, isSignedBy, type Jwk, parseJwt, scopesOf } from './jwt.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwkOf = (pair: typeof rsa, more: object = {}): Jwk => ({ ...pair.publicKey.export({ format: 'jwk' }), ...more })
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = (header: object, claims: object, pair = rsa): string => {
  const signed = `${encode(header)}.${encode(claims)}`
  const dsaEncoding = 'ieee-p1363'
  return `${signed}.${sign('sha256', Buffer.from(signed), { key: pair.privateKey, dsaEncoding }).toString('base64url')}`
}
const read = (text: string) => parseJwt(text) ?? expect.fail('not a token')

describe('a signature', () => {
  it('is one of the key that made it', () => {
    expect(isSignedBy(read(token({ alg: 'RS256' }, {})), jwkOf(rsa))).toBe(true)
    expect(isSignedBy(read(token({ alg: 'ES256' }, {}, ec)), jwkOf(ec))).toBe(true)
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    expect(isSignedBy(read(token({ alg: 'RS256' }, {})), jwkOf(other))).toBe(false)
  })

  it('is none under another algorithm, of a key for something else, or of a key that is none', () => {
    const jwt = read(token({ alg: 'RS256' }, {}))
    expect(isSignedBy(jwt, jwkOf(rsa, { alg: 'RS512' }))).toBe(false)
    expect(isSignedBy(jwt, jwkOf(rsa, { use: 'enc' }))).toBe(false)
    expect(isSignedBy(read(token({ alg: 'ES256' }, {})), jwkOf(rsa))).toBe(false)
    expect(isSignedBy(jwt, { kty: 'RSA', n: '!', e: '' })).toBe(false)
  })

  it('covers every character of header and claims', () => {
    const text = token({ alg: 'RS256' }, { sub: 'ann' })
    const key = jwkOf(rsa)
    fc.assert(
      fc.property(fc.nat(text.lastIndexOf('.') - 1), fc.constantFrom('A', 'b', '0'), (at, letter) => {
        if (text[at] === '.' || text[at] === letter) return
        const changed = parseJwt(text.slice(0, at) + letter + text.slice(at + 1))
        expect(changed !== undefined && isSignedBy(changed, key)).toBe(false)
      }),
      { numRuns: 60 },
    )
  })
})

test.each([
  ['no signature', `${encode({ alg: 'none' })}.${encode({})}.`],
  ['a symmetric one', `${encode({ alg: 'HS256' })}.${encode({})}.AA`],
  ['what must be understood', `${encode({ alg: 'RS256', crit: ['b64'] })}.${encode({})}.AA`],
  ['claims that are none', `${encode({ alg: 'RS256' })}.${encode([])}.AA`],
  ['five parts', 'a.b.c.d.e'],
  ['an inherited algorithm', `${encode({ alg: 'constructor' })}.${encode({})}.AA`],
  ['more than 32 KiB', `${encode({ alg: 'RS256' })}.${encode({ a: 'x'.repeat(40_000) })}.AA`],
])('a token with %s cannot be read', (_what, text) => {
  expect(parseJwt(text)).toBeUndefined()
})

describe('claims', () => {
  const expected = { issuer: 'https://i', audience: ['me'], nowMs: 1_000_000 }
  const good = { iss: 'https://i', aud: 'me', exp: 1_001 }
  const fits = (claims: object) => checkClaims(claims as Record<string, unknown>, expected).ok

  it.each([{}, { aud: ['you', 'me'] }, { aud: undefined, client_id: 'me' }, { nbf: 1_000, iat: 999 }])(
    '%o fit',
    (more) => {
      expect(fits({ ...good, ...more })).toBe(true)
    },
  )
  it.each([
    { iss: 'https://j' },
    { aud: 'you' },
    { aud: 'you', client_id: 'me' },
    { aud: undefined },
    { exp: 1_000 },
    { exp: '9999' },
    { exp: undefined },
    { nbf: 1_001 },
    { iat: 1_001 },
  ])('%o do not', (more) => {
    expect(fits({ ...good, ...more })).toBe(false)
  })

  it('tell scopes as a text or a list', () => {
    expect(scopesOf({ scope: 'a  b' })).toEqual(['a', 'b'])
    expect(scopesOf({ scp: ['a', 5] })).toEqual(['a'])
    expect(scopesOf({})).toEqual([])
  })
})

describe('keys of an issuer', () => {
  const setup = (documents: Record<string, unknown>) => {
    const asked: string[] = []
    let now = 0
    const keys = new IssuerKeys({
      now: () => now,
      fetchJson: async (url) => {
        asked.push(url)
        if (!(url in documents)) throw new Error('not there')
        return documents[url]
      },
    })
    const pass = (ms: number): void => {
      now += ms
    }
    return { keys, asked, pass }
  }
  const about = { 'https://i/.well-known/openid-configuration': { jwks_uri: 'https://i/keys' } }
  const one = { kty: 'RSA', kid: '1' }

  it('are fetched once, and again for a key that is not known, but not for each', async () => {
    const documents: Record<string, unknown> = { ...about, 'https://i/keys': { keys: [one, 'junk'] } }
    const { keys, asked, pass } = setup(documents)
    expect(await keys.find('https://i/', '1')).toEqual([one])
    expect(await keys.find('https://i/', '1')).toEqual([one])
    expect(await keys.find('https://i/', '2')).toEqual([])
    expect(asked).toHaveLength(2)
    documents['https://i/keys'] = { keys: [one, { kty: 'RSA', kid: '2' }] }
    pass(60_000)
    expect(await keys.find('https://i/', '2')).toHaveLength(1)
    expect(asked).toHaveLength(4)
    pass(2 * 60 * 60_000)
    await keys.find('https://i/', '1')
    expect(asked).toHaveLength(6)
  })

  it('are none while the issuer cannot be reached', async () => {
    const documents: Record<string, unknown> = {}
    const { keys, asked, pass } = setup(documents)
    expect(await keys.find('https://i', undefined)).toEqual([])
    const before = asked.length
    expect(await keys.find('https://i', undefined)).toEqual([])
    expect(asked.length).toBe(before)
    Object.assign(documents, about, { 'https://i/keys': { keys: [one] } })
    pass(60_000)
    expect(await keys.find('https://i', undefined)).toEqual([one])
  })
})
