import { accountId } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { decide } from '../language/decide.ts'
import { parsePolicy } from '../language/document.ts'
import { MemoryIdentities } from '../testing/index.ts'
import { accessOf, managedPolicy, parseIdentityArn, trustOf } from './access.ts'
import { awsManagedPolicies, awsManagedPolicy } from './aws-managed.ts'
import { fullAccessRole, fullAccessRoleName, lambdaTrust } from './full-access.ts'
import { attachPolicy, putInlinePolicy, withTags } from './holders.ts'
import { addPolicyVersion, createPolicy, deletePolicyVersion, setDefaultVersion } from './managed-policies.ts'
import { arnOfIdentity, identityKey, type PolicyHolder, type Role } from './records.ts'
import { createRole } from './roles.ts'
import { addAccessKey, changeAccessKey, createUser } from './users.ts'

const account = accountId('123456789012')
const stamp = { nowMs: 1_000, idSuffix: 'A'.repeat(17) }
const value = <T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown },
): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const role = (name = 'r', more: Partial<Role> = {}): Role => ({
  ...value(createRole(account, { name, path: '/a/', trustPolicy: lambdaTrust(), tags: [] }, stamp)),
  ...more,
})
const user = value(createUser(account, { name: 'u', path: '/', tags: [] }, stamp))
const allow = (Action: string, more: object = {}): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource: '*' }, ...more })
const key = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 's', status: 'Active', createdAtMs: 0 }) as const

describe('names', () => {
  it('make keys that any name fits into, whatever its case', () => {
    expect(identityKey(account, 'role', 'A.b@c')).toBe(identityKey(account, 'role', 'a.B@C'))
    expect(identityKey(account, 'role', 'a.*>')).toMatch(/^123456789012\.role\.[A-Za-z0-9_-]+$/)
    expect(identityKey(account, 'role', 'x')).not.toBe(identityKey(account, 'user', 'x'))
  })

  it('make ARNs with paths, and are read from them', () => {
    const arn = arnOfIdentity(role())
    expect(arn).toBe('arn:aws:iam::123456789012:role/a/r')
    expect(parseIdentityArn(arn)).toEqual({ accountId: account, kind: 'role', name: 'r' })
    for (const other of [
      'arn:aws:iam::aws:policy/X',
      'arn:aws:iam::12:role/r',
      'arn:aws:iam::123456789012:role/',
      'r',
      '',
    ])
      expect(parseIdentityArn(other)).toBeUndefined()
  })
})

describe('the index', () => {
  it('finds users by their keys for as long as they have them', () => {
    const index = new MemoryIdentities()
    const place = identityKey(account, 'user', 'u')
    index.put(place, { ...user, accessKeys: [key('AKIA1'), key('AKIA2')] })
    expect(index.userOfKey('AKIA2')?.name).toBe('u')
    index.put(place, { ...user, accessKeys: [key('AKIA1')] })
    expect(index.userOfKey('AKIA2')).toBeUndefined()
    index.put(place, undefined)
    expect(index.userOfKey('AKIA1')).toBeUndefined()
    expect(index.user(account, 'u')).toBeUndefined()
  })

  it('gives every account the role that allows everything in it, and keeps accounts apart', () => {
    const index = new MemoryIdentities()
    const other = accountId('210987654321')
    index.put(identityKey(account, 'role', 'r'), role())
    expect(index.roles(account).map(({ name }) => name)).toEqual(['r', fullAccessRoleName])
    expect(index.roles(other).map(({ name }) => name)).toEqual([fullAccessRoleName])
    expect(index.role(other, 'r')).toBeUndefined()
    expect(index.role(other, fullAccessRoleName)).toBe(fullAccessRole(other))
  })
})

describe('what a role may do', () => {
  const identities = new MemoryIdentities()
  const may = (holder: PolicyHolder, action: string): boolean => {
    const { identity, boundary } = accessOf(identities, holder)
    const asked = { subject: { accountId: account }, action, resource: 'arn:aws:s3:::a', context: () => undefined }
    return decide({ ...asked, resourceAccount: account, identity, ...(boundary && { boundary }) }).allowed
  }

  it('comes from all that is attached to it', () => {
    const policy = value(createPolicy(account, { name: 'p', path: '/', document: allow('s3:Put*'), tags: [] }, stamp))
    identities.put(identityKey(account, 'policy', 'p'), policy)
    const inline = value(putInlinePolicy(role(), 'own', allow('s3:Get*')))
    const attached = value(attachPolicy(inline, arnOfIdentity(policy)))
    expect(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map((action) => may(attached, action))).toEqual([
      true,
      true,
      false,
    ])
    const second = value(addPolicyVersion(policy, allow('s3:Delete*'), true, 2_000))
    identities.put(identityKey(account, 'policy', 'p'), second)
    expect(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map((action) => may(attached, action))).toEqual([
      true,
      false,
      true,
    ])
    identities.put(identityKey(account, 'policy', 'p'), undefined)
    expect(may(attached, 's3:DeleteObject')).toBe(false)
  })

  it('is no more than the boundary, and nothing when that is gone', () => {
    const inline = value(putInlinePolicy(role(), 'own', allow('*')))
    const bounded = { ...inline, permissionsBoundary: 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess' }
    expect([may(bounded, 's3:GetObject'), may(bounded, 's3:PutObject')]).toEqual([true, false])
    expect(may({ ...inline, permissionsBoundary: 'arn:aws:iam::123456789012:policy/gone' }, 's3:GetObject')).toBe(false)
  })

  it('is compiled once for as long as it does not change', () => {
    const holder = value(putInlinePolicy(role(), 'own', allow('*')))
    expect(accessOf(identities, holder).identity).toBe(accessOf(identities, holder).identity)
    expect(trustOf(holder)).toBe(trustOf(holder))
  })

  it("does not come from another account's policies", () => {
    const other = accountId('210987654321')
    const policy = value(createPolicy(other, { name: 'p', path: '/', document: allow('*'), tags: [] }, stamp))
    identities.put(identityKey(other, 'policy', 'p'), policy)
    expect(may(value(attachPolicy(role(), arnOfIdentity(policy))), 's3:GetObject')).toBe(false)
  })
})

describe('limits', () => {
  it('of inline policies count all of them together, without white space', () => {
    const big = (length: number) => allow(`s3:${'x'.repeat(length)}`)
    const first = value(putInlinePolicy(role(), 'a', big(5_000)))
    expect(putInlinePolicy(first, 'b', big(6_000))).toMatchObject({ error: { code: 'LimitExceeded' } })
    expect(putInlinePolicy(first, 'a', big(6_000)).ok).toBe(true)
    expect(putInlinePolicy(first, 'b', `${' '.repeat(20_000)}${big(100)}`).ok).toBe(true)
    expect(putInlinePolicy(user, 'a', big(2_100))).toMatchObject({
      error: { code: 'LimitExceeded', message: 'Maximum policy size of 2048 bytes exceeded for user u' },
    })
  })

  it('of what is attached, of versions, keys and tags', () => {
    const arns = awsManagedPolicies().map(({ arn }) => arn)
    const full = arns.slice(0, 10).reduce((holder, arn) => value(attachPolicy(holder, arn)), role())
    expect(attachPolicy(full, arns[10] ?? '')).toMatchObject({
      error: { code: 'LimitExceeded', message: 'Cannot exceed quota for PoliciesPerRole: 10' },
    })
    let policy = value(createPolicy(account, { name: 'p', path: '/', document: allow('*'), tags: [] }, stamp))
    for (let n = 2; n <= 5; n++) policy = value(addPolicyVersion(policy, allow('*'), false, 0))
    expect(addPolicyVersion(policy, allow('*'), false, 0)).toMatchObject({ error: { code: 'LimitExceeded' } })
    const fewer = value(deletePolicyVersion(policy, 'v5'))
    expect(value(addPolicyVersion(fewer, allow('*'), true, 0)).defaultVersionId).toBe('v6')
    expect(setDefaultVersion(fewer, 'v5', 0)).toMatchObject({ error: { code: 'NoSuchEntity' } })
    const keyed = value(addAccessKey(value(addAccessKey(user, key('A'))), key('B')))
    expect(addAccessKey(keyed, key('C'))).toMatchObject({ error: { code: 'LimitExceeded' } })
    expect(value(changeAccessKey(keyed, 'A', () => undefined)).accessKeys).toEqual([key('B')])
    expect(changeAccessKey(keyed, 'C', () => undefined)).toMatchObject({ error: { code: 'NoSuchEntity' } })
    const tags = Array.from({ length: 51 }, (_, n) => ({ key: `k${n}`, value: '' }))
    expect(withTags(user, tags)).toMatchObject({ error: { code: 'LimitExceeded' } })
    expect(withTags(user, [{ key: 'aws:x', value: '' }])).toMatchObject({ error: { code: 'InvalidInput' } })
  })
})

describe("AWS's own policies", () => {
  it.each(awsManagedPolicies().map((one) => [one.arn, one] as const))('%s', (arn, policy) => {
    expect(parsePolicy(policy.document, 'identity').ok).toBe(true)
    expect(awsManagedPolicy(arn)).toBe(policy)
    expect(arn).toBe(`arn:aws:iam::aws:policy${policy.path}${policy.name}`)
    expect(managedPolicy(new MemoryIdentities(), account, arn).statements.length).toBeGreaterThan(0)
  })

  it('have ids of their own', () => {
    expect(new Set(awsManagedPolicies().map(({ id }) => id)).size).toBe(awsManagedPolicies().length)
  })
})
