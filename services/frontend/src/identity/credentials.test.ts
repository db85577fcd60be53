import { mintSession } from '@weft/aws'
import { type Account, accountId } from '@weft/contracts'
import { addAccessKey, createUser, identityKey } from '@weft/policy'
import { MemoryIdentities } from '@weft/policy/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Credentials } from './credentials.ts'

const id = accountId('123456789012')
const account: Account = {
  accountId: id,
  name: 'one',
  concurrencyLimit: 1_000,
  accessKeys: [
    { accessKeyId: 'AKIAROOT', secretAccessKey: 'root', status: 'Active' },
    { accessKeyId: 'AKIAOLD', secretAccessKey: 'old', status: 'Inactive' },
  ],
}
let there: Account | undefined
let nowMs: number
let identities: MemoryIdentities
let credentials: Credentials

beforeEach(() => {
  there = account
  nowMs = 1_000
  identities = new MemoryIdentities()
  const user = createUser(id, { name: 'ann', path: '/x/', tags: [] }, { nowMs: 0, idSuffix: 'A' })
  const key = { accessKeyId: 'AKIAANN', secretAccessKey: 'ann', status: 'Active', createdAtMs: 0 } as const
  const keyed = user.ok ? addAccessKey(user.value, key) : user
  if (keyed.ok) identities.put(identityKey(id, 'user', 'ann'), keyed.value)
  credentials = new Credentials({
    catalogue: {
      account: (one) => (one === id ? there : undefined),
      accountOfKey: (key) => (there?.accessKeys.some((one) => one.accessKeyId === key) ? there : undefined),
    },
    identities,
    clusterSecret: 'secret',
    clock: { now: () => nowMs },
  })
})

const who = (accessKeyId: string, secret: string, token?: string): string => {
  const found = credentials.authenticate(accessKeyId, secret, token)
  return found.ok ? found.value.arn : found.error.code
}
const mint = (expiresAtMs = 2_000) =>
  mintSession('secret', {
    accountId: id,
    roleArn: `arn:aws:iam::${id}:role/x/r`,
    sessionName: 's',
    expiresAtMs,
    policy: '{}',
  })

describe('keys', () => {
  it('are of the root of an account, or of a user', () => {
    expect(who('AKIAROOT', 'root')).toBe(`arn:aws:iam::${id}:root`)
    expect(who('AKIAANN', 'ann')).toBe(`arn:aws:iam::${id}:user/x/ann`)
  })

  it.each([
    ['a wrong secret', 'AKIAROOT', 'ann'],
    ['a wrong secret of a user', 'AKIAANN', 'root'],
    ['an inactive key', 'AKIAOLD', 'old'],
    ['an unknown key', 'AKIANONE', ''],
  ])('are refused with %s, all in one way', (_name, key, secret) => {
    expect(credentials.authenticate(key, secret)).toEqual(credentials.authenticate('AKIANOBODY', 'x'))
  })

  it('of users go with their account', () => {
    there = undefined
    expect(who('AKIAANN', 'ann')).toBe('UnrecognizedClientException')
  })
})

describe('sessions', () => {
  it('say who they are for as long as they last, however often they are shown', () => {
    const { accessKeyId, secretAccessKey, sessionToken } = mint()
    const shown = () => who(accessKeyId, secretAccessKey, sessionToken)
    for (const _time of [1, 2, 3]) expect(shown()).toBe(`arn:aws:sts::${id}:assumed-role/r/s`)
    expect(who('ASIAOTHER', secretAccessKey, sessionToken)).toBe('UnrecognizedClientException')
    expect(who(accessKeyId, 'x', sessionToken)).toBe('UnrecognizedClientException')
    there = undefined
    expect(shown()).toBe('UnrecognizedClientException')
    there = account
    nowMs = 2_000
    expect(shown()).toBe('ExpiredTokenException')
  })

  it('are not mixed up, though more are in use than are kept in mind', () => {
    const all = Array.from({ length: 1_100 }, (_, n) => mint(2_000 + n))
    for (const { accessKeyId, secretAccessKey, sessionToken } of [...all, ...all])
      expect(who(accessKeyId, secretAccessKey, sessionToken)).toContain('assumed-role/r/s')
    expect(who(all[0]?.accessKeyId ?? '', all[0]?.secretAccessKey ?? '', all[1]?.sessionToken)).toBe(
      'UnrecognizedClientException',
    )
  })
})
