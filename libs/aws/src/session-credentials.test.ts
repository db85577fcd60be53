import { accountId } from '@weft/contracts'
import { expect, it } from 'vitest'
import { mintSession, openSession } from './session-credentials.ts'

const claims = {
  accountId: accountId('123456789012'),
  roleArn: 'arn:aws:iam::123456789012:role/r',
  sessionName: 'f',
  expiresAtMs: 1_000_000,
}
const minted = mintSession('cluster', claims)
const open = (token: string, key = minted.accessKeyId, now = 999_999, secret = 'cluster') => {
  const opened = openSession(secret, token, key, now)
  return opened.ok ? opened.value : opened.error.code
}

it('opens what it minted, with the same secret', () => {
  expect(minted.accessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/)
  expect(minted.secretAccessKey).toHaveLength(40)
  expect(open(minted.sessionToken)).toEqual({ ...claims, secretAccessKey: minted.secretAccessKey })
  const narrowed = {
    ...claims,
    roleId: 'AROA1',
    policy: '{}',
    policyArns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess'],
  }
  const session = mintSession('cluster', narrowed)
  const { secretAccessKey } = session
  expect(open(session.sessionToken, session.accessKeyId)).toEqual({ ...narrowed, secretAccessKey })
})

it('refuses it past its end, with another key or cluster, or changed', () => {
  expect(open(minted.sessionToken, minted.accessKeyId, 1_000_000)).toBe('ExpiredTokenException')
  expect(open(minted.sessionToken, 'ASIAOTHER')).toBe('UnrecognizedClientException')
  expect(open(minted.sessionToken, minted.accessKeyId, 0, 'other')).toBe('UnrecognizedClientException')
  const other = mintSession('cluster', { ...claims, sessionName: 'g' })
  const [body] = other.sessionToken.split('.')
  const [, seal] = minted.sessionToken.split('.')
  const forged = [`${body}.${seal}`, `${body}.`, '', 'a.b.c', '.', `${'A'.repeat(20_000)}.${seal}`, '%00.%00']
  for (const token of forged) expect(open(token)).toBe('UnrecognizedClientException')
})
