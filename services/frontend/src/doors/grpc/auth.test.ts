import type { PeerCertificate } from 'node:tls'
import { Metadata } from '@grpc/grpc-js'
import { mintSession } from '@weft/aws'
import { type Account, accountId } from '@weft/contracts'
import { MemoryIdentities } from '@weft/policy/testing'
import { describe, expect, it } from 'vitest'
import { Credentials } from '../../identity/credentials.ts'
import { authenticate } from './auth.ts'

const account: Account = {
  accountId: accountId('000000000000'),
  name: 'default',
  concurrencyLimit: 1_000,
  accessKeys: [
    { accessKeyId: 'AKIAGOOD', secretAccessKey: 'sec/ret+=', status: 'Active' },
    { accessKeyId: 'AKIAOLD', secretAccessKey: 'sec/ret+=', status: 'Inactive' },
  ],
}
const catalogue = {
  accountOfKey: (id: string) => (account.accessKeys.some((k) => k.accessKeyId === id) ? account : undefined),
  account: (id: string) => (id === account.accountId ? account : undefined),
}
const now = 1_000_000
const deps = {
  catalogue,
  credentials: new Credentials({
    catalogue,
    identities: new MemoryIdentities(),
    clusterSecret: 'cluster secret',
    clock: { now: () => now },
  }),
}

const byToken = (...tokens: string[]) => {
  const metadata = new Metadata()
  for (const token of tokens) metadata.add('authorization', token)
  return authenticate(metadata, undefined, deps)
}
const certificate = (CN: unknown) => ({ subject: { CN }, fingerprint256: 'AB:CD' }) as unknown as PeerCertificate
const codeOf = (result: ReturnType<typeof authenticate>) => (result.ok ? result.value.accountId : result.error.code)

describe('authenticate', () => {
  it('takes an active key with its secret', () => {
    expect(byToken('Bearer AKIAGOOD:sec/ret+=')).toEqual({
      ok: true,
      value: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root', keyId: 'AKIAGOOD' },
    })
  })

  it('gives one answer for an unknown key, an inactive one and a wrong secret', () => {
    const answers = ['Bearer AKIANONE:x', 'Bearer AKIAOLD:sec/ret+=', 'Bearer AKIAGOOD:sec/ret'].map((t) => byToken(t))
    expect(new Set(answers.map((a) => JSON.stringify(a))).size).toBe(1)
    expect(codeOf(answers[0] as ReturnType<typeof byToken>)).toBe('UnrecognizedClientException')
  })

  it.each([
    [[], 'MissingAuthenticationTokenException'],
    [[''], 'IncompleteSignatureException'],
    [['Bearer'], 'IncompleteSignatureException'],
    [['Bearer AKIAGOOD'], 'IncompleteSignatureException'],
    [['Bearer __proto__:x'], 'IncompleteSignatureException'],
    [['Bearer AKIAGOOD:sec ret'], 'IncompleteSignatureException'],
    [[`Bearer ${'A'.repeat(10_000)}:x`], 'IncompleteSignatureException'],
    [['AWS4-HMAC-SHA256 Credential=x'], 'IncompleteSignatureException'],
    [['Bearer AKIAGOOD:sec/ret+=', 'Bearer AKIAGOOD:sec/ret+='], 'IncompleteSignatureException'],
  ])('refuses %j', (tokens, code) => {
    expect(codeOf(byToken(...tokens))).toBe(code)
  })

  it('takes the credentials of a session', () => {
    const { accountId } = account
    const roleArn = 'arn:aws:iam::000000000000:role/r'
    const session = (expiresAtMs: number, clusterSecret = 'cluster secret') => {
      const made = mintSession(clusterSecret, { accountId, roleArn, sessionName: 'f', expiresAtMs })
      return `Bearer ${made.accessKeyId}:${made.secretAccessKey}:${made.sessionToken}`
    }
    expect(byToken(session(now + 1))).toMatchObject({
      value: { arn: 'arn:aws:sts::000000000000:assumed-role/r/f', session: { roleArn, sessionName: 'f' } },
    })
    expect(codeOf(byToken(session(now)))).toBe('ExpiredTokenException')
    const refused = [
      session(now + 1, 'another'),
      session(now + 1).replace(/:[^:]+:/, ':wrong:'),
      'Bearer AKIAGOOD:sec/ret+=:x',
    ]
    for (const token of refused) expect(codeOf(byToken(token))).toBe('UnrecognizedClientException')
  })

  it('takes a certificate by its common name', () => {
    const by = (cn: unknown) => codeOf(authenticate(new Metadata(), certificate(cn), deps))
    expect(by('000000000000')).toBe('000000000000')
    for (const other of ['111111111111', 'admin', '', undefined, ['000000000000', 'x']])
      expect(by(other)).toBe('UnrecognizedClientException')
  })

  it('lets a token decide over a certificate', () => {
    const metadata = new Metadata()
    metadata.set('authorization', 'Bearer AKIANONE:x')
    expect(codeOf(authenticate(metadata, certificate('000000000000'), deps))).toBe('UnrecognizedClientException')
  })
})
