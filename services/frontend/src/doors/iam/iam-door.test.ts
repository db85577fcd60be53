import { mintSession } from '@weft/aws'
import { createPolicy, createRole, identityKey } from '@weft/policy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  account,
  fullAccessRole,
  otherKeys,
  sendQuery,
  startTestFrontend,
  type TestFrontend,
} from '../../testing/index.ts'

let frontend: TestFrontend
beforeAll(async () => {
  frontend = await startTestFrontend()
})
afterAll(() => frontend[Symbol.asyncDispose]())

const iam = (action: string, parameters: Record<string, string> = {}, more = {}) =>
  sendQuery(frontend.endpoint, 'iam', action, parameters, more)

const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
})
const allow = (Action: string, Resource = '*') =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } })

describe('roles', () => {
  it('are made, shown, changed, listed and deleted', async () => {
    const created = await iam('CreateRole', {
      RoleName: 'Reader',
      Path: '/team/',
      AssumeRolePolicyDocument: trust,
      Description: 'reads <things>',
      'Tags.member.1.Key': 'team',
      'Tags.member.1.Value': 'a + b',
    })
    expect(created.status).toBe(200)
    const arn = `arn:aws:iam::${account}:role/team/Reader`
    expect(created.element('Arn')).toBe(arn)
    expect(created.element('RoleId')).toMatch(/^AROA[A-Z2-7]{17}$/)
    const shown = await iam('GetRole', { RoleName: 'reader' })
    expect(shown.element('Arn')).toBe(arn)
    expect(shown.element('Description')).toBe('reads <things>')
    expect(shown.element('MaxSessionDuration')).toBe('3600')
    expect(decodeURIComponent(shown.element('AssumeRolePolicyDocument'))).toBe(trust)
    expect(shown.elements('Value')).toEqual(['a + b'])
    expect((await iam('UpdateRole', { RoleName: 'Reader', MaxSessionDuration: '7200' })).text).toContain(
      '<UpdateRoleResult></UpdateRoleResult>',
    )
    expect((await iam('GetRole', { RoleName: 'Reader' })).element('MaxSessionDuration')).toBe('7200')
    expect((await iam('ListRoles')).elements('RoleName')).toEqual(['Reader', 'weft-full-access'])
    expect((await iam('ListRoles', { PathPrefix: '/team/' })).elements('RoleName')).toEqual(['Reader'])
    expect((await iam('ListInstanceProfilesForRole', { RoleName: 'Reader' })).element('IsTruncated')).toBe('false')
    expect((await iam('DeleteRole', { RoleName: 'Reader' })).status).toBe(200)
    expect(await iam('GetRole', { RoleName: 'Reader' })).toMatchObject({
      status: 404,
      code: 'NoSuchEntity',
      message: 'The role with name Reader cannot be found.',
    })
  })

  it('are found page by page', async () => {
    for (const name of ['p1', 'p2', 'p3'])
      await iam('CreateRole', { RoleName: name, Path: '/pages/', AssumeRolePolicyDocument: trust })
    const first = await iam('ListRoles', { PathPrefix: '/pages/', MaxItems: '2' })
    expect(first.elements('RoleName')).toEqual(['p1', 'p2'])
    const second = await iam('ListRoles', { PathPrefix: '/pages/', MaxItems: '2', Marker: first.element('Marker') })
    expect(second.elements('RoleName')).toEqual(['p3'])
    expect(second.element('IsTruncated')).toBe('false')
  })

  it('have inline and attached policies', async () => {
    const RoleName = 'worker'
    await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: trust })
    const put = { RoleName, PolicyName: 'one', PolicyDocument: allow('s3:GetObject') }
    expect((await iam('PutRolePolicy', put)).status).toBe(200)
    const got = await iam('GetRolePolicy', { RoleName, PolicyName: 'one' })
    expect(decodeURIComponent(got.element('PolicyDocument'))).toBe(put.PolicyDocument)
    expect((await iam('ListRolePolicies', { RoleName })).elements('member')).toEqual(['one'])
    const PolicyArn = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'
    expect((await iam('AttachRolePolicy', { RoleName, PolicyArn })).status).toBe(200)
    expect((await iam('AttachRolePolicy', { RoleName, PolicyArn })).status).toBe(200)
    expect((await iam('ListAttachedRolePolicies', { RoleName })).elements('PolicyArn')).toEqual([PolicyArn])
    expect(await iam('DeleteRole', { RoleName })).toMatchObject({
      status: 409,
      code: 'DeleteConflict',
      message: 'Cannot delete entity, must detach all policies first.',
    })
    await iam('DetachRolePolicy', { RoleName, PolicyArn })
    expect(await iam('DeleteRole', { RoleName })).toMatchObject({
      message: 'Cannot delete entity, must delete policies first.',
    })
    await iam('DeleteRolePolicy', { RoleName, PolicyName: 'one' })
    expect((await iam('DeleteRole', { RoleName })).status).toBe(200)
  })

  it.each([
    [
      'no name',
      'CreateRole',
      { AssumeRolePolicyDocument: trust },
      'ValidationError',
      "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
    ],
    [
      'a name with a slash',
      'GetRole',
      { RoleName: 'a/b' },
      'ValidationError',
      "1 validation error detected: Value 'a/b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+",
    ],
    [
      'a trust that is no JSON',
      'CreateRole',
      { RoleName: 'x', AssumeRolePolicyDocument: '{' },
      'MalformedPolicyDocument',
      'This policy contains invalid Json',
    ],
    [
      'trust in nobody',
      'CreateRole',
      { RoleName: 'x', AssumeRolePolicyDocument: allow('sts:AssumeRole') },
      'MalformedPolicyDocument',
      'Missing required field Principal',
    ],
    [
      'a session of a minute',
      'CreateRole',
      { RoleName: 'x', AssumeRolePolicyDocument: trust, MaxSessionDuration: '60' },
      'ValidationError',
      "1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
    ],
    [
      'a policy that nobody made',
      'AttachRolePolicy',
      { RoleName: 'p1', PolicyArn: 'arn:aws:iam::aws:policy/Nothing' },
      'NoSuchEntity',
      'Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.',
    ],
    [
      'the role of every account, changed',
      'PutRolePolicy',
      { RoleName: 'weft-full-access', PolicyName: 'x', PolicyDocument: allow('*') },
      'UnmodifiableEntity',
      "Cannot perform the operation on the protected role 'weft-full-access' - this role is part of every account",
    ],
    [
      'the role of every account, made',
      'CreateRole',
      { RoleName: 'weft-full-access', AssumeRolePolicyDocument: trust },
      'EntityAlreadyExists',
      'Role with name weft-full-access already exists.',
    ],
    [
      'a role that is there',
      'CreateRole',
      { RoleName: 'P1', AssumeRolePolicyDocument: trust },
      'EntityAlreadyExists',
      'Role with name P1 already exists.',
    ],
    [
      'an operation that is not served',
      'ListCloudFrontPublicKeys',
      { GroupName: 'g' },
      'InvalidAction',
      'Could not find operation ListCloudFrontPublicKeys for version 2010-05-08',
    ],
  ] as [string, string, Record<string, string>, string, string][])(
    'refuse %s',
    async (_name, action, parameters, code, message) => {
      const answer = await iam(action, parameters)
      expect({ code: answer.code, message: answer.message }).toEqual({ code, message })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.status).toBeLessThan(500)
    },
  )

  it('are those of one account', async () => {
    expect((await iam('ListRoles', {}, { keys: otherKeys })).elements('RoleName')).toEqual(['weft-full-access'])
  })
})

describe('managed policies', () => {
  it('have versions, of which one counts', async () => {
    const created = await iam('CreatePolicy', { PolicyName: 'calls', PolicyDocument: allow('lambda:InvokeFunction') })
    const PolicyArn = `arn:aws:iam::${account}:policy/calls`
    expect(created.element('Arn')).toBe(PolicyArn)
    expect(await iam('CreatePolicy', { PolicyName: 'calls', PolicyDocument: allow('*') })).toMatchObject({
      status: 409,
      message: 'A policy called calls already exists. Duplicate names are not allowed.',
    })
    const version = { PolicyArn, PolicyDocument: allow('lambda:*'), SetAsDefault: 'true' }
    expect((await iam('CreatePolicyVersion', version)).element('VersionId')).toBe('v2')
    expect((await iam('GetPolicy', { PolicyArn })).element('DefaultVersionId')).toBe('v2')
    const shown = await iam('GetPolicyVersion', { PolicyArn, VersionId: 'v2' })
    expect(decodeURIComponent(shown.element('Document'))).toBe(version.PolicyDocument)
    expect((await iam('ListPolicyVersions', { PolicyArn })).elements('VersionId')).toEqual(['v2', 'v1'])
    expect(await iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v2' })).toMatchObject({ code: 'DeleteConflict' })
    expect(await iam('DeletePolicy', { PolicyArn })).toMatchObject({ code: 'DeleteConflict' })
    await iam('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' })
    expect((await iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v2' })).status).toBe(200)
    await iam('AttachRolePolicy', { RoleName: 'p1', PolicyArn })
    expect((await iam('GetPolicy', { PolicyArn })).element('AttachmentCount')).toBe('1')
    expect((await iam('ListEntitiesForPolicy', { PolicyArn })).elements('RoleName')).toEqual(['p1'])
    expect((await iam('ListPolicies', { Scope: 'Local' })).elements('PolicyName')).toEqual(['calls'])
    expect(await iam('DeletePolicy', { PolicyArn })).toMatchObject({
      code: 'DeleteConflict',
      message: 'Cannot delete a policy attached to entities.',
    })
    await iam('DetachRolePolicy', { RoleName: 'p1', PolicyArn })
    expect((await iam('DeletePolicy', { PolicyArn })).status).toBe(200)
    expect(await iam('GetPolicy', { PolicyArn })).toMatchObject({
      status: 404,
      message: `Policy ${PolicyArn} was not found.`,
    })
  })

  it('of AWS are known', async () => {
    const PolicyArn = 'arn:aws:iam::aws:policy/AWSLambda_FullAccess'
    expect((await iam('GetPolicy', { PolicyArn })).element('PolicyName')).toBe('AWSLambda_FullAccess')
    const version = await iam('GetPolicyVersion', { PolicyArn, VersionId: 'v1' })
    expect(decodeURIComponent(version.element('Document'))).toContain('lambda:*')
    expect((await iam('DeletePolicy', { PolicyArn })).code).toBe('NoSuchEntity')
    expect((await iam('ListPolicies', { Scope: 'AWS', MaxItems: '1000' })).elements('PolicyName')).toContain(
      'AdministratorAccess',
    )
  })
})

describe('users', () => {
  it('have access keys that work while they are active', async () => {
    const UserName = 'ann'
    expect((await iam('CreateUser', { UserName })).element('Arn')).toBe(`arn:aws:iam::${account}:user/ann`)
    const made = await iam('CreateAccessKey', { UserName })
    const ann = { accessKeyId: made.element('AccessKeyId'), secretAccessKey: made.element('SecretAccessKey') }
    const who = () => sendQuery(frontend.endpoint, 'sts', 'GetCallerIdentity', {}, { keys: ann })
    expect((await who()).element('Arn')).toBe(`arn:aws:iam::${account}:user/ann`)
    expect((await who()).element('UserId')).toMatch(/^AIDA/)
    expect(await iam('GetUser', {}, { keys: ann })).toMatchObject({
      status: 403,
      code: 'AccessDenied',
      message: `User: arn:aws:iam::${account}:user/ann is not authorized to perform: iam:GetUser on resource: arn:aws:iam::${account}:user/ann because no identity-based policy allows the iam:GetUser action`,
    })
    const self = allow('iam:*', `arn:aws:iam::${account}:user/\${aws:username}`)
    await iam('PutUserPolicy', { UserName, PolicyName: 'self', PolicyDocument: self })
    expect((await iam('GetUser', {}, { keys: ann })).element('UserName')).toBe('ann')
    expect((await iam('GetUser', { UserName: 'bob' }, { keys: ann })).code).toBe('AccessDenied')
    await iam('CreateAccessKey', {}, { keys: ann })
    expect(await iam('CreateAccessKey', { UserName })).toMatchObject({
      status: 409,
      code: 'LimitExceeded',
      message: 'Cannot exceed quota for AccessKeysPerUser: 2',
    })
    const listed = await iam('ListAccessKeys', { UserName })
    expect(listed.elements('AccessKeyId')).toHaveLength(2)
    expect(listed.text).not.toContain('SecretAccessKey')
    await iam('UpdateAccessKey', { UserName, AccessKeyId: ann.accessKeyId, Status: 'Inactive' })
    expect((await who()).code).toBe('InvalidClientTokenId')
    for (const AccessKeyId of listed.elements('AccessKeyId')) await iam('DeleteAccessKey', { UserName, AccessKeyId })
    await iam('DeleteUserPolicy', { UserName, PolicyName: 'self' })
    expect((await iam('DeleteUser', { UserName })).status).toBe(200)
  })
})

describe('simulations', () => {
  const verdicts = async (action: string, parameters: Record<string, string>) => {
    const answer = await iam(action, { 'ActionNames.member.1': 's3:GetObject', ...parameters })
    return answer.code === '' ? answer.elements('EvalDecision') : answer.code
  }

  it('tell what a role may do, before it does', async () => {
    const RoleName = 'simulated'
    await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: trust })
    await iam('PutRolePolicy', { RoleName, PolicyName: 'p', PolicyDocument: allow('s3:*', 'arn:aws:s3:::a/*') })
    const PolicySourceArn = `arn:aws:iam::${account}:role/${RoleName}`
    const ask = (more: Record<string, string> = {}) => verdicts('SimulatePrincipalPolicy', { PolicySourceArn, ...more })
    const both = { 'ResourceArns.member.1': 'arn:aws:s3:::a/1', 'ResourceArns.member.2': 'arn:aws:s3:::b/1' }
    expect(await ask(both)).toEqual(['allowed', 'implicitDeny'])
    expect(await ask()).toEqual(['implicitDeny'])
    const denial = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        ...{ Effect: 'Deny', Action: 's3:*', Resource: '*' },
        Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
      },
    })
    const from = (address: string) => ({
      'PolicyInputList.member.1': denial,
      'ContextEntries.member.1.ContextKeyName': 'aws:SourceIp',
      'ContextEntries.member.1.ContextKeyValues.member.1': address,
      'ContextEntries.member.1.ContextKeyType': 'ip',
    })
    expect(await ask({ ...both, ...from('10.1.2.3') })).toEqual(['explicitDeny', 'explicitDeny'])
    expect(await ask({ ...both, ...from('11.1.2.3') })).toEqual(['allowed', 'implicitDeny'])
    const boundary = { 'PermissionsBoundaryPolicyInputList.member.1': allow('lambda:*') }
    expect(await ask({ ...both, ...boundary })).toEqual(['implicitDeny', 'implicitDeny'])
    expect(await ask({ PolicySourceArn: `${PolicySourceArn}2` })).toBe('NoSuchEntity')
  })

  it('tell what documents allow that nobody has yet', async () => {
    const allows = { 'PolicyInputList.member.1': allow('s3:GetObject') }
    expect(await verdicts('SimulateCustomPolicy', allows)).toEqual(['allowed'])
    expect(await verdicts('SimulateCustomPolicy', { 'PolicyInputList.member.1': '{' })).toBe('MalformedPolicyDocument')
  })
})

it('tells who asks without a name, unless it is a session', async () => {
  expect((await iam('GetUser')).element('Arn')).toBe(`arn:aws:iam::${account}:root`)
  const session = mintSession('cluster secret', {
    ...{ accountId: account, roleArn: fullAccessRole, sessionName: 's', expiresAtMs: Date.now() + 60_000 },
  })
  expect(await iam('GetUser', {}, { keys: session })).toMatchObject({
    code: 'ValidationError',
    message: 'Must specify userName when calling with non-User credentials',
  })
})

it('finds what was made a moment ago through another frontend', async () => {
  const trustPolicy = trust.replace('"Service":"lambda.amazonaws.com"', `"AWS":"${account}"`)
  const stamp = { nowMs: 0, idSuffix: 'A'.repeat(17) }
  const role = createRole(account, { name: 'elsewhere', path: '/', trustPolicy, tags: [] }, stamp)
  const policy = createPolicy(account, { name: 'there', path: '/', document: allow('*'), tags: [] }, stamp)
  if (!role.ok || !policy.ok) throw new Error('not made')
  // In the store; no news of them has come yet.
  for (const value of [role.value, policy.value])
    frontend.identities.entries.set(identityKey(account, value.kind, value.name), { value, revision: 1_000_000 })
  const RoleName = 'elsewhere'
  const PolicyArn = `arn:aws:iam::${account}:policy/there`
  expect((await iam('GetRole', { RoleName })).status).toBe(200)
  expect((await iam('ListRolePolicies', { RoleName })).status).toBe(200)
  expect((await iam('GetPolicy', { PolicyArn })).status).toBe(200)
  const RoleArn = `arn:aws:iam::${account}:role/elsewhere`
  const assume = { RoleArn, RoleSessionName: 'work' }
  expect((await sendQuery(frontend.endpoint, 'sts', 'AssumeRole', assume)).status).toBe(200)
  expect((await iam('AttachRolePolicy', { RoleName, PolicyArn })).status).toBe(200)
})
