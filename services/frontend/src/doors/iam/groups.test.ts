import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account, sendQuery, startTestFrontend, type TestFrontend } from '../../testing/index.ts'

let frontend: TestFrontend
beforeAll(async () => {
  frontend = await startTestFrontend()
})
afterAll(() => frontend[Symbol.asyncDispose]())

const iam = (action: string, parameters: Record<string, string> = {}, more = {}) =>
  sendQuery(frontend.endpoint, 'iam', action, parameters, more)
const sts = (action: string, parameters: Record<string, string> = {}, more = {}) =>
  sendQuery(frontend.endpoint, 'sts', action, parameters, more)
const allow = (Action: string, Resource = '*') =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } })

async function userWithKey(UserName: string) {
  await iam('CreateUser', { UserName })
  const made = await iam('CreateAccessKey', { UserName })
  return { accessKeyId: made.element('AccessKeyId'), secretAccessKey: made.element('SecretAccessKey') }
}

describe('groups', () => {
  it('lend their policies to their members, for as long as these are members', async () => {
    const keys = await userWithKey('mia')
    const look = async () => (await iam('GetUser', { UserName: 'mia' }, { keys })).code
    const made = await iam('CreateGroup', { GroupName: 'Readers', Path: '/team/' })
    expect(made.element('Arn')).toBe(`arn:aws:iam::${account}:group/team/Readers`)
    expect(made.element('GroupId')).toMatch(/^AGPA/)
    await iam('PutGroupPolicy', { GroupName: 'Readers', PolicyName: 'look', PolicyDocument: allow('iam:GetUser') })
    expect(await look()).toBe('AccessDenied')
    expect((await iam('AddUserToGroup', { GroupName: 'readers', UserName: 'mia' })).status).toBe(200)
    expect(await look()).toBe('')
    expect((await iam('GetGroup', { GroupName: 'Readers' })).elements('UserName')).toEqual(['mia'])
    expect((await iam('ListGroupsForUser', { UserName: 'mia' })).elements('GroupName')).toEqual(['Readers'])
    expect((await iam('DeleteUser', { UserName: 'mia' })).code).toBe('DeleteConflict')
    expect(await iam('DeleteGroup', { GroupName: 'Readers' })).toMatchObject({
      code: 'DeleteConflict',
      message: 'Cannot delete entity, must remove users from group first.',
    })
    await iam('RemoveUserFromGroup', { GroupName: 'Readers', UserName: 'mia' })
    expect(await look()).toBe('AccessDenied')
    expect((await iam('RemoveUserFromGroup', { GroupName: 'Readers', UserName: 'mia' })).code).toBe('NoSuchEntity')
    expect((await iam('DeleteGroup', { GroupName: 'Readers' })).message).toBe(
      'Cannot delete entity, must delete policies first.',
    )
    await iam('DeleteGroupPolicy', { GroupName: 'Readers', PolicyName: 'look' })
    expect((await iam('DeleteGroup', { GroupName: 'Readers' })).status).toBe(200)
  })

  it('hold managed policies, which tell of it', async () => {
    await iam('CreateGroup', { GroupName: 'admins' })
    expect((await iam('CreateGroup', { GroupName: 'Admins' })).code).toBe('EntityAlreadyExists')
    const PolicyArn = (await iam('CreatePolicy', { PolicyName: 'p', PolicyDocument: allow('s3:*') })).element('Arn')
    await iam('AttachGroupPolicy', { GroupName: 'admins', PolicyArn })
    expect((await iam('ListAttachedGroupPolicies', { GroupName: 'admins' })).elements('PolicyArn')).toEqual([PolicyArn])
    expect((await iam('ListEntitiesForPolicy', { PolicyArn })).elements('GroupName')).toEqual(['admins'])
    expect((await iam('ListEntitiesForPolicy', { PolicyArn, EntityFilter: 'Role' })).elements('GroupName')).toEqual([])
    expect((await iam('DeletePolicy', { PolicyArn })).code).toBe('DeleteConflict')
    await iam('UpdateGroup', { GroupName: 'admins', NewPath: '/ops/' })
    expect((await iam('ListGroups', { PathPrefix: '/ops/' })).elements('GroupName')).toEqual(['admins'])
    expect((await iam('UpdateGroup', { GroupName: 'admins', NewGroupName: 'others' })).code).toBe('ValidationError')
  })

  it('take so many members as IAM does, from the other side: ten groups to a user', async () => {
    await iam('CreateUser', { UserName: 'everywhere' })
    for (let n = 0; n <= 10; n++) {
      await iam('CreateGroup', { GroupName: `g${n}` })
      const added = await iam('AddUserToGroup', { GroupName: `g${n}`, UserName: 'everywhere' })
      expect(added.code).toBe(n < 10 ? '' : 'LimitExceeded')
    }
  })
})

describe('sessions of users', () => {
  it('may do what the user may, but for IAM, and end with it', async () => {
    const keys = await userWithKey('tom')
    await iam('PutUserPolicy', { UserName: 'tom', PolicyName: 'p', PolicyDocument: allow('*') })
    const made = await sts('GetSessionToken', { DurationSeconds: '900' }, { keys })
    const session = {
      accessKeyId: made.element('AccessKeyId'),
      secretAccessKey: made.element('SecretAccessKey'),
      sessionToken: made.element('SessionToken'),
    }
    const who = () => sts('GetCallerIdentity', {}, { keys: session })
    expect((await who()).element('Arn')).toBe(`arn:aws:iam::${account}:user/tom`)
    expect((await iam('GetUser', {}, { keys: session })).code).toBe('InvalidClientTokenId')
    expect((await sts('GetSessionToken', {}, { keys: session })).message).toBe(
      'Cannot call GetSessionToken with session credentials',
    )
    expect((await sts('GetSessionToken', { SerialNumber: 'arn:mfa', TokenCode: '1' }, { keys })).code).toBe(
      'ValidationError',
    )
    await iam('DeleteUserPolicy', { UserName: 'tom', PolicyName: 'p' })
    await iam('DeleteAccessKey', { UserName: 'tom', AccessKeyId: keys.accessKeyId })
    await iam('DeleteUser', { UserName: 'tom' })
    expect((await who()).code).toBe('InvalidClientTokenId')
  })

  it('of the root last an hour', async () => {
    const made = await sts('GetSessionToken', { DurationSeconds: '129600' })
    const lastsMs = Date.parse(made.element('Expiration')) - Date.now()
    expect(lastsMs).toBeLessThanOrEqual(3_600_000)
    const keys = {
      accessKeyId: made.element('AccessKeyId'),
      secretAccessKey: made.element('SecretAccessKey'),
      sessionToken: made.element('SessionToken'),
    }
    expect((await sts('GetCallerIdentity', {}, { keys })).element('Arn')).toBe(`arn:aws:iam::${account}:root`)
  })
})

it('a key tells when it was last used', async () => {
  const keys = await userWithKey('kim')
  const AccessKeyId = keys.accessKeyId
  expect((await iam('GetAccessKeyLastUsed', { AccessKeyId })).element('ServiceName')).toBe('N/A')
  await sts('GetCallerIdentity', {}, { keys })
  await expect.poll(async () => (await iam('GetAccessKeyLastUsed', { AccessKeyId })).element('ServiceName')).toBe('sts')
  const used = await iam('GetAccessKeyLastUsed', { AccessKeyId })
  expect(used.element('LastUsedDate')).not.toBe('')
  expect(used.element('UserName')).toBe('kim')
  expect((await iam('GetAccessKeyLastUsed', { AccessKeyId: 'AKIA0000000000000000' })).code).toBe('NoSuchEntity')
})

it('a user moves to another path', async () => {
  await iam('CreateUser', { UserName: 'nomad' })
  await iam('UpdateUser', { UserName: 'nomad', NewPath: '/far/' })
  expect((await iam('GetUser', { UserName: 'nomad' })).element('Path')).toBe('/far/')
  expect((await iam('UpdateUser', { UserName: 'nomad', NewUserName: 'other' })).code).toBe('ValidationError')
})

it('roles that services have asked for are theirs', async () => {
  const made = await iam('CreateServiceLinkedRole', { AWSServiceName: 'replicator.lambda.amazonaws.com' })
  const RoleName = made.element('RoleName')
  expect(RoleName).toBe('AWSServiceRoleForReplicatorLambda')
  expect(made.element('Path')).toBe('/aws-service-role/replicator.lambda.amazonaws.com/')
  expect((await iam('CreateServiceLinkedRole', { AWSServiceName: 'replicator.lambda.amazonaws.com' })).code).toBe(
    'InvalidInput',
  )
  expect((await iam('DeleteRole', { RoleName })).code).toBe('UnmodifiableEntity')
  const DeletionTaskId = (await iam('DeleteServiceLinkedRole', { RoleName })).element('DeletionTaskId')
  expect((await iam('GetServiceLinkedRoleDeletionStatus', { DeletionTaskId })).element('Status')).toBe('SUCCEEDED')
  expect((await iam('GetRole', { RoleName })).code).toBe('NoSuchEntity')
})

it('an account tells what is in it', async () => {
  const summary = (await iam('GetAccountSummary')).text
  expect(summary).toContain('<entry><key>MFADevices</key><value>0</value></entry>')
  expect(summary).toMatch(/<key>Users<\/key><value>[1-9]/)
  expect((await iam('ListAccountAliases')).element('IsTruncated')).toBe('false')
})

it('what is not served is refused by name, with the reason', async () => {
  expect(await iam('CreateVirtualMFADevice', { VirtualMFADeviceName: 'x' })).toMatchObject({
    status: 501,
    code: 'NotImplemented',
    message: 'CreateVirtualMFADevice is not served by this fabric: there are no MFA devices.',
  })
  expect((await sts('AssumeRoleWithWebIdentity')).code).toBe('NotImplemented')
  expect((await iam('Nonsense')).code).toBe('InvalidAction')
})
