import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { readZip } from '../read-zip.ts'
import { readSignature, signPackage } from './package-signature.ts'
import { publicJwk, thumbprint } from './public-keys.ts'
import { splitComment, withComment } from './zip-comment.ts'

async function zipOf(content: string): Promise<Buffer> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from(content), 'index.mjs')
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const keys = {
  ed25519: generateKeyPairSync('ed25519').privateKey,
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
}
const printOf = (key: KeyObject): string => thumbprint(publicJwk(createPublicKey(key)) ?? {})
const job = { jobId: randomUUID() }
const zip = await zipOf('export const handler = 1')
const signedWith = (key: KeyObject, package_ = zip, more: object = {}): Buffer => {
  const signed = signPackage(package_, key, { ...job, ...more })
  if (!signed.ok) throw new Error(signed.error)
  return signed.value
}

test.each(Object.entries(keys))('a package signed with %s is a zip still and names its key', async (_kind, key) => {
  const signed = signedWith(key, zip, { expiresAtMs: 5_000 })
  expect(readSignature(signed)).toEqual({
    ok: true,
    value: { thumbprint: printOf(key), jobId: job.jobId, expiresAtMs: 5_000 },
  })
  expect((await readZip(signed)).ok).toBe(true)
  expect(splitComment(signed)?.bare.equals(zip)).toBe(true)
})

test('the thumbprint is that of RFC 7638', () => {
  // The example of RFC 8037, appendix A.3.
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
  expect(thumbprint(jwk)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

test('a package without a signature has none, whatever else its comment says', () => {
  expect(readSignature(zip)).toEqual({ ok: true, value: undefined })
  expect(readSignature(withComment(zip, 'made by hand'))).toEqual({ ok: true, value: undefined })
  expect(readSignature(Buffer.from('no zip'))).toEqual({ ok: true, value: undefined })
  expect(readSignature(Buffer.alloc(0))).toEqual({ ok: true, value: undefined })
})

test('signing again replaces the signature', () => {
  const again = signedWith(keys.p256, signedWith(keys.ed25519))
  expect(readSignature(again)).toMatchObject({ value: { thumbprint: printOf(keys.p256) } })
})

test('any changed byte of a signed package breaks the signature', () => {
  const signed = signedWith(keys.ed25519)
  const parts = splitComment(signed)
  if (!parts) throw new Error('no zip')
  // The end record makes it a zip, the comment's length must be right, and the mark makes it a signature.
  const markEnd = parts.bare.length + 'weft-signature:'.length
  for (let at = 0; at < signed.length; at++) {
    if (at >= parts.bare.length - 2 && at < markEnd) continue
    const changed = Buffer.from(signed)
    changed[at] = (changed[at] as number) ^ 0x01
    if (!splitComment(changed)) continue
    const read = readSignature(changed)
    // A changed last letter of base64 may leave the same bytes.
    if (read.ok && at === signed.length - 1) continue
    expect({ at, ok: read.ok }).toEqual({ at, ok: false })
  }
})

const tokenOf = (signed: Buffer): string[] =>
  (splitComment(signed)?.comment.toString('latin1') ?? '').slice('weft-signature:'.length).split('.')
const withToken = (...parts: readonly (string | undefined)[]): Buffer =>
  withComment(zip, `weft-signature:${parts.join('.')}`)
const json = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a signature that is taken from elsewhere or that names another key or algorithm is broken', async () => {
  const [head, payload, signature] = tokenOf(signedWith(keys.ed25519))
  const other = await zipOf('export const handler = 2')
  const [otherHead] = tokenOf(signedWith(keys.p256))
  const jwk = publicJwk(createPublicKey(keys.ed25519))
  const cases = [
    withComment(other, `weft-signature:${head}.${payload}.${signature}`),
    withToken(otherHead, payload, signature),
    withToken(json({ alg: 'none', jwk }), payload, ''),
    withToken(json({ alg: 'none', jwk }), payload, 'AA'),
    withToken(json({ alg: 'HS256', jwk }), payload, signature),
    withToken(json({ jwk }), payload, signature),
    withToken(json({ alg: 'EdDSA' }), payload, signature),
    withToken(json({ alg: 'EdDSA', jwk: { kty: 'OKP' } }), payload, signature),
    withToken(head, payload),
    withToken(head, payload, signature, 'x'),
    withToken('!', '?', '.'),
    withToken('A'.repeat(40_000), 'A', 'A'),
  ]
  for (const one of cases) expect(readSignature(one)).toEqual({ ok: false, error: 'broken' })
})

test('claims of another shape are refused, though well signed', () => {
  const [head] = tokenOf(signedWith(keys.ed25519))
  const sealed = (claims: object): Buffer => {
    const signed = `${head}.${json(claims)}`
    return withToken(head, json(claims), sign(null, Buffer.from(signed), keys.ed25519).toString('base64url'))
  }
  const good = JSON.parse(Buffer.from(tokenOf(signedWith(keys.ed25519))[1] ?? '', 'base64url').toString())
  expect(readSignature(sealed(good)).ok).toBe(true)
  for (const change of [{ exp: 'soon' }, { exp: 1.5 }, { jti: 7 }, { jti: '../x' }, { sha256: undefined }])
    expect(readSignature(sealed({ ...good, ...change })).ok).toBe(false)
})

test('keys that are too weak or of another kind are not taken', () => {
  const weak = [
    generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey,
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
    generateKeyPairSync('ed448').privateKey,
  ]
  for (const key of weak) expect(signPackage(zip, key, job)).toEqual({ ok: false, error: 'wrong-key' })
  expect(signPackage(Buffer.from('no zip'), keys.ed25519, job)).toEqual({ ok: false, error: 'no-zip' })
})
