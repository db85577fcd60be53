import { mintSession } from '@weft/aws'
import { accountId } from '@weft/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  account,
  fullAccessRole,
  type Keys,
  keys,
  otherAccount,
  otherKeys,
  type RawRequest,
  rawRequest,
  sendQuery,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../testing/index.ts'

let frontend: TestFrontend
const functions = '/2015-03-31/functions'
const lambda = (over: Partial<RawRequest> & { readonly path: string }) => rawRequest(frontend.endpoint, over)
const iam = (action: string, parameters: Record<string, string>, by: Keys = keys) =>
  sendQuery(frontend.endpoint, 'iam', action, parameters, { keys: by })
const sts = (action: string, parameters: Record<string, string>, by: Keys = keys) =>
  sendQuery(frontend.endpoint, 'sts', action, parameters, { keys: by })
const invoke = (by: Keys, name = 'f') => lambda({ path: `${functions}/${name}/invocations`, body: '{}', keys: by })

const statement = (Action: string | string[], Resource: string | string[] = '*', Effect = 'Allow') => ({
  Effect,
  Action,
  Resource,
})
const document = (...Statement: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })
const trusting = (Principal: object): string => document({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' })
const lambdaTrust = trusting({ Service: 'lambda.amazonaws.com' })

const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:${account}:function:${name}`
const roleArn = (name: string): string => `arn:aws:iam::${account}:role/${name}`

async function makeRole(RoleName: string, ...statements: object[]): Promise<string> {
  await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: lambdaTrust })
  if (statements.length > 0)
    await iam('PutRolePolicy', { RoleName, PolicyName: 'p', PolicyDocument: document(...statements) })
  return roleArn(RoleName)
}

/** The credentials that a function with this role finds in its environment. */
const sessionOf = (role: string, sessionName = 'f'): Keys =>
  mintSession('cluster secret', {
    accountId: accountId(account),
    roleArn: role,
    sessionName,
    expiresAtMs: Date.now() + 600_000,
  })

async function makeUser(UserName: string, ...statements: object[]): Promise<Keys> {
  await iam('CreateUser', { UserName })
  if (statements.length > 0)
    await iam('PutUserPolicy', { UserName, PolicyName: 'p', PolicyDocument: document(...statements) })
  const key = await iam('CreateAccessKey', { UserName })
  return { accessKeyId: key.element('AccessKeyId'), secretAccessKey: key.element('SecretAccessKey') }
}

const creation = async (FunctionName: string, Role: string, by: Keys = keys): Promise<RawRequest> => ({
  path: functions,
  keys: by,
  body: JSON.stringify({
    ...{ FunctionName, Role, Runtime: 'nodejs24.x', Handler: 'index.handler' },
    Code: { ZipFile: (await zipOf()).toString('base64') },
  }),
})

beforeAll(async () => {
  frontend = await startTestFrontend()
  for (const name of ['f', 'g']) expect((await lambda(await creation(name, fullAccessRole))).status).toBe(201)
})
afterAll(() => frontend[Symbol.asyncDispose]())

describe('the role of a function', () => {
  it('allows what its policies allow, from the moment they say so', async () => {
    const role = await makeRole('caller')
    const session = sessionOf(role)
    expect(await invoke(session)).toMatchObject({
      status: 403,
      code: 'AccessDeniedException',
      message: `User: arn:aws:sts::${account}:assumed-role/caller/f is not authorized to perform: lambda:InvokeFunction on resource: ${arnOf('f')} because no identity-based policy allows the lambda:InvokeFunction action`,
    })
    const put = (...statements: object[]) =>
      iam('PutRolePolicy', { RoleName: 'caller', PolicyName: 'p', PolicyDocument: document(...statements) })
    await put(statement('lambda:InvokeFunction', arnOf('f')))
    expect((await invoke(session)).status).toBe(200)
    expect((await invoke(session, 'g')).status).toBe(403)
    await put(statement('lambda:*'), statement('lambda:InvokeFunction', arnOf('f'), 'Deny'))
    expect((await invoke(session)).message).toContain('with an explicit deny in an identity-based policy')
    expect((await invoke(session, 'g')).status).toBe(200)
    await iam('DeleteRolePolicy', { RoleName: 'caller', PolicyName: 'p' })
    expect((await invoke(session, 'g')).status).toBe(403)
    await iam('AttachRolePolicy', { RoleName: 'caller', PolicyArn: 'arn:aws:iam::aws:policy/AWSLambda_FullAccess' })
    expect((await invoke(session, 'g')).status).toBe(200)
    await iam('DetachRolePolicy', { RoleName: 'caller', PolicyArn: 'arn:aws:iam::aws:policy/AWSLambda_FullAccess' })
    await iam('DeleteRole', { RoleName: 'caller' })
    expect((await invoke(session, 'g')).status).toBe(403)
  })

  it('allows everything, or nothing when nobody made it', async () => {
    expect((await invoke(sessionOf(fullAccessRole))).status).toBe(200)
    expect((await invoke(sessionOf(roleArn('made-up')))).status).toBe(403)
    const who = await sts('GetCallerIdentity', {}, sessionOf(roleArn('made-up')))
    expect(who.element('Arn')).toBe(`arn:aws:sts::${account}:assumed-role/made-up/f`)
  })

  it('is bounded', async () => {
    const role = await makeRole('bounded', statement('lambda:*'))
    const boundary = 'arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess'
    await iam('PutRolePermissionsBoundary', { RoleName: 'bounded', PermissionsBoundary: boundary })
    expect((await invoke(sessionOf(role))).message).toContain('because no permissions boundary allows')
    expect((await lambda({ method: 'GET', path: `${functions}/f`, keys: sessionOf(role) })).status).toBe(200)
  })

  it('must let Lambda assume it, and be lent by who may lend it', async () => {
    await iam('CreateRole', {
      RoleName: 'not-lambda',
      AssumeRolePolicyDocument: trusting({ Service: 's3.amazonaws.com' }),
    })
    expect(await lambda(await creation('h', roleArn('not-lambda')))).toMatchObject({
      status: 400,
      code: 'InvalidParameterValueException',
      message: 'The role defined for the function cannot be assumed by Lambda.',
    })
    const role = await makeRole('lent')
    const maker = await makeUser('maker', statement(['lambda:CreateFunction', 'lambda:UpdateFunctionConfiguration']))
    const refused = `User: arn:aws:iam::${account}:user/maker is not authorized to perform: iam:PassRole on resource: ${role} because no identity-based policy allows the iam:PassRole action`
    expect(await lambda(await creation('h', role, maker))).toMatchObject({ status: 403, message: refused })
    const pass = {
      ...statement('iam:PassRole', role),
      Condition: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } },
    }
    await iam('PutUserPolicy', { UserName: 'maker', PolicyName: 'pass', PolicyDocument: document(pass) })
    expect((await lambda(await creation('h', role, maker))).status).toBe(201)
    const change = { path: `${functions}/h/configuration`, method: 'PUT', keys: maker }
    expect((await lambda({ ...change, body: JSON.stringify({ Timeout: 5 }) })).status).toBe(200)
    expect(await lambda({ ...change, body: JSON.stringify({ Role: fullAccessRole }) })).toMatchObject({ status: 403 })
    expect(await lambda(await creation('i', `arn:aws:iam::${otherAccount}:role/r`))).toMatchObject({
      status: 403,
      message: 'Cross-account pass role is not allowed.',
    })
  })
})

describe('events sent on', () => {
  it('need a role that may send them, where the role was made', async () => {
    const role = await makeRole('sender')
    expect((await lambda(await creation('sends', role))).status).toBe(201)
    const set = (Destination = arnOf('g')) =>
      lambda({
        method: 'PUT',
        path: '/2019-09-25/functions/sends/event-invoke-config',
        body: JSON.stringify({ DestinationConfig: { OnFailure: { Destination } } }),
      })
    expect(await set()).toMatchObject({
      status: 400,
      code: 'InvalidParameterValueException',
      message: 'The function execution role does not have permissions to call InvokeFunction on Lambda',
    })
    const policy = document(statement('lambda:InvokeFunction', arnOf('g')))
    await iam('PutRolePolicy', { RoleName: 'sender', PolicyName: 'p', PolicyDocument: policy })
    expect((await set()).status).toBe(200)
    const topic = arnOf('g').replace('lambda', 'sns').replace('function:g', 'orders')
    expect(await set(topic)).toMatchObject({ message: expect.stringContaining('permissions to call Publish on SNS') })
  })
})

describe('what a function is fed with', () => {
  it('needs a role that may read it, and one that may send to where its dead letters go', async () => {
    const role = await makeRole('fed')
    expect((await lambda(await creation('eats', role))).status).toBe(201)
    const EventSourceArn = `arn:aws:jetstream:us-east-1:${account}:stream/ORDERS`
    const map = () =>
      lambda({
        path: '/2015-03-31/event-source-mappings/',
        body: JSON.stringify({ FunctionName: 'eats', EventSourceArn, StartingPosition: 'LATEST' }),
      })
    const told = 'The provided execution role does not have permissions to call'
    expect(await map()).toMatchObject({ status: 400, message: `${told} Consume on JetStream` })
    const deadLetters = () =>
      lambda({
        method: 'PUT',
        path: `${functions}/eats/configuration`,
        body: JSON.stringify({ DeadLetterConfig: { TargetArn: EventSourceArn } }),
      })
    expect(await deadLetters()).toMatchObject({ status: 400, message: `${told} Publish on JetStream` })
    const policy = document(statement(['jetstream:Consume', 'jetstream:Publish'], EventSourceArn))
    await iam('PutRolePolicy', { RoleName: 'fed', PolicyName: 'p', PolicyDocument: policy })
    expect((await map()).status).toBe(202)
    expect((await deadLetters()).status).toBe(200)
  })
})

describe('a user', () => {
  it('may do what the policies say, by conditions too', async () => {
    const day = 86_400_000
    const at = (ms: number) => new Date(ms).toISOString()
    const timed = (from: number, until: number) => ({
      ...statement('lambda:InvokeFunction'),
      Condition: { DateGreaterThan: { 'aws:CurrentTime': at(from) }, DateLessThan: { 'aws:CurrentTime': at(until) } },
    })
    const now = Date.now()
    expect((await invoke(await makeUser('in-time', timed(now - day, now + day)))).status).toBe(200)
    expect((await invoke(await makeUser('too-late', timed(now - 2 * day, now - day)))).status).toBe(403)
    const local = { ...statement('lambda:*'), Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } } }
    expect((await invoke(await makeUser('here', local))).status).toBe(200)
    const elsewhere = { ...statement('lambda:*'), Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }
    expect((await invoke(await makeUser('there', elsewhere))).status).toBe(403)
    await lambda({ path: `/2017-03-31/tags/${arnOf('f')}`, body: JSON.stringify({ Tags: { Team: 'blue' } }) })
    const blue = { ...statement('lambda:*'), Condition: { StringEquals: { 'aws:ResourceTag/Team': 'blue' } } }
    const tagged = await makeUser('tagged', blue)
    expect((await invoke(tagged)).status).toBe(200)
    expect((await invoke(tagged, 'g')).status).toBe(403)
  })

  it('is asked about the qualifier it names', async () => {
    await lambda({ path: `${functions}/f/versions`, body: '{}' })
    const user = await makeUser('versions', statement('lambda:InvokeFunction', `${arnOf('f')}:1`))
    expect((await invoke(user, 'f:1')).status).toBe(200)
    expect((await invoke(user, 'f')).status).toBe(403)
    expect((await invoke(user, 'f:$LATEST')).status).toBe(403)
  })

  it('is asked for every operation by its own name', async () => {
    const reader = await makeUser('reader', statement(['lambda:Get*', 'lambda:List*']))
    const get = (path: string) => lambda({ method: 'GET', path, keys: reader })
    for (const path of [
      `${functions}/`,
      `${functions}/f`,
      `${functions}/f/configuration`,
      '/2016-08-19/account-settings',
    ])
      expect((await get(path)).status, path).toBe(200)
    for (const [method, path, action] of [
      ['DELETE', `${functions}/f`, 'DeleteFunction'],
      ['POST', `${functions}/f/aliases`, 'CreateAlias'],
      ['PUT', '/2017-10-31/functions/f/concurrency', 'PutFunctionConcurrency'],
    ] as const) {
      const body = { Name: 'a', FunctionVersion: '1', ReservedConcurrentExecutions: 1 }
      const answer = await lambda({
        method,
        path,
        keys: reader,
        ...(method !== 'DELETE' && { body: JSON.stringify(body) }),
      })
      expect(answer.message, path).toContain(
        `not authorized to perform: lambda:${action} on resource: ${arnOf('f')} because`,
      )
    }
  })
})

describe('a package in a bucket', () => {
  it('is read for who may read it', async () => {
    const maker = await makeUser('packer', statement('lambda:CreateFunction'), statement('iam:PassRole'))
    const { body, ...request } = await creation('packed', fullAccessRole, maker)
    const Code = { S3Bucket: 'packages', S3Key: 'f.zip' }
    const create = () => lambda({ ...request, body: JSON.stringify({ ...JSON.parse(String(body)), Code }) })
    expect(await create()).toMatchObject({
      status: 403,
      code: 'AccessDeniedException',
      message:
        'Your access has been denied by S3, please make sure your request credentials have permission to GetObject for packages/f.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied',
    })
    const read = document(statement('s3:GetObject', 'arn:aws:s3:::packages/*'))
    await iam('PutUserPolicy', { UserName: 'packer', PolicyName: 'read', PolicyDocument: read })
    expect((await create()).status).not.toBe(403)
  })
})

describe('another account', () => {
  const grant = (parameters: object) =>
    lambda({ path: `${functions}/g/policy`, body: JSON.stringify({ Action: 'lambda:InvokeFunction', ...parameters }) })
  const foreign = encodeURIComponent(arnOf('g'))

  it('calls a function whose policy lets it', async () => {
    expect(await invoke(otherKeys, foreign)).toMatchObject({
      status: 403,
      message: `User: arn:aws:iam::${otherAccount}:root is not authorized to perform: lambda:InvokeFunction on resource: ${arnOf('g')} because no resource-based policy allows the lambda:InvokeFunction action`,
    })
    expect((await grant({ StatementId: 'other', Principal: otherAccount })).status).toBe(201)
    expect((await invoke(otherKeys, foreign)).status).toBe(200)
    expect(frontend.invoker.calls.at(-1)?.target.record.accountId).toBe(account)
    expect((await invoke(otherKeys, encodeURIComponent(arnOf('f')))).status).toBe(403)
    expect((await lambda({ method: 'GET', path: `${functions}/${foreign}`, keys: otherKeys })).status).toBe(403)
    expect((await lambda({ method: 'DELETE', path: `${functions}/g/policy/other` })).status).toBe(204)
    expect((await invoke(otherKeys, foreign)).status).toBe(403)
  })

  it('is no one of ours while it acts here', async () => {
    await grant({ StatementId: 'change', Principal: otherAccount, Action: 'lambda:UpdateFunctionConfiguration' })
    const layer = { Content: { ZipFile: (await zipOf()).toString('base64') } }
    expect((await lambda({ path: '/2018-10-31/layers/ours/versions', body: JSON.stringify(layer) })).status).toBe(201)
    const change = (body: object) =>
      lambda({
        method: 'PUT',
        path: `${functions}/${foreign}/configuration`,
        keys: otherKeys,
        body: JSON.stringify(body),
      })
    expect((await change({ Timeout: 7 })).status).toBe(200)
    const Layers = [`arn:aws:lambda:us-east-1:${account}:layer:ours:1`]
    expect(await change({ Layers })).toMatchObject({ status: 403, code: 'AccessDeniedException' })
    expect(await change({ Role: fullAccessRole })).toMatchObject({ status: 403 })
    await lambda({ method: 'DELETE', path: `${functions}/g/policy/change` })
  })

  it('reads no package of ours by a right to change the code', async () => {
    await grant({ StatementId: 'code', Principal: otherAccount, Action: 'lambda:UpdateFunctionCode' })
    const change = { method: 'PUT', path: `${functions}/${foreign}/code`, keys: otherKeys }
    const ours = { S3Bucket: 'ours', S3Key: 'f.zip' }
    expect((await lambda({ ...change, body: JSON.stringify(ours) })).message).toContain('denied by S3')
    const inline = { ZipFile: (await zipOf()).toString('base64') }
    expect((await lambda({ ...change, body: JSON.stringify(inline) })).status).toBe(200)
    await lambda({ method: 'DELETE', path: `${functions}/g/policy/code` })
  })

  it('needs both sides to let a user of it in', async () => {
    expect((await iam('CreateUser', { UserName: 'guest' }, otherKeys)).status).toBe(200)
    const key = await iam('CreateAccessKey', { UserName: 'guest' }, otherKeys)
    const guest = { accessKeyId: key.element('AccessKeyId'), secretAccessKey: key.element('SecretAccessKey') }
    await grant({ StatementId: 'guest', Principal: `arn:aws:iam::${otherAccount}:user/guest` })
    expect((await invoke(guest, foreign)).message).toContain('because no identity-based policy allows')
    const mayCall = { UserName: 'guest', PolicyName: 'p', PolicyDocument: document(statement('lambda:InvokeFunction')) }
    await iam('PutUserPolicy', mayCall, otherKeys)
    expect((await invoke(guest, foreign)).status).toBe(200)
    await lambda({ method: 'DELETE', path: `${functions}/g/policy/guest` })
    expect((await invoke(guest, foreign)).message).toContain('because no resource-based policy allows')
  })

  it('does not come into an account by roles, users or sessions of its own', async () => {
    const stranger = mintSession('another secret', {
      accountId: accountId(account),
      roleArn: fullAccessRole,
      sessionName: 'x',
      expiresAtMs: Date.now() + 60_000,
    })
    expect((await invoke(stranger)).code).toBe('UnrecognizedClientException')
    const theirs = mintSession('cluster secret', {
      accountId: accountId(otherAccount),
      roleArn: fullAccessRole,
      sessionName: 'x',
      expiresAtMs: Date.now() + 60_000,
    })
    expect((await invoke(theirs, foreign)).status).toBe(403)
    expect((await iam('GetRole', { RoleName: 'lent' }, otherKeys)).code).toBe('NoSuchEntity')
  })
})

describe('AssumeRole', () => {
  const assume = (RoleArn: string, more: Record<string, string> = {}, by: Keys = keys) =>
    sts('AssumeRole', { RoleArn, RoleSessionName: 'work', ...more }, by)
  const keysOf = (answer: Awaited<ReturnType<typeof assume>>): Keys => ({
    accessKeyId: answer.element('AccessKeyId'),
    secretAccessKey: answer.element('SecretAccessKey'),
    sessionToken: answer.element('SessionToken'),
  })
  beforeAll(async () => {
    const trust = trusting({ AWS: `arn:aws:iam::${account}:root` })
    await iam('CreateRole', { RoleName: 'assumable', AssumeRolePolicyDocument: trust, MaxSessionDuration: '7200' })
    const policy = document(statement('lambda:InvokeFunction', [arnOf('f'), arnOf('g')]))
    await iam('PutRolePolicy', { RoleName: 'assumable', PolicyName: 'p', PolicyDocument: policy })
  })

  it('lends the rights of a role', async () => {
    const answer = await assume(roleArn('assumable'))
    expect(answer.elements('Arn')).toEqual([`arn:aws:sts::${account}:assumed-role/assumable/work`])
    expect(answer.element('AssumedRoleId')).toMatch(/^AROA[A-Z2-7]{17}:work$/)
    const session = keysOf(answer)
    expect((await invoke(session)).status).toBe(200)
    expect((await lambda({ method: 'GET', path: `${functions}/f`, keys: session })).status).toBe(403)
    const who = await sts('GetCallerIdentity', {}, session)
    expect(who.element('UserId')).toBe(answer.element('AssumedRoleId'))
    expect((await invoke({ ...session, sessionToken: `${session.sessionToken}x` })).code).toBe(
      'UnrecognizedClientException',
    )
  })

  it('ends with the role, though another of its name is made', async () => {
    const trust = trusting({ AWS: account })
    const RoleName = 'short-lived'
    const make = async () => {
      await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: trust })
      const policy = document(statement('lambda:InvokeFunction'))
      await iam('PutRolePolicy', { RoleName, PolicyName: 'p', PolicyDocument: policy })
    }
    await make()
    const session = keysOf(await assume(roleArn(RoleName)))
    expect((await invoke(session)).status).toBe(200)
    await iam('DeleteRolePolicy', { RoleName, PolicyName: 'p' })
    await iam('DeleteRole', { RoleName })
    await make()
    expect((await invoke(session)).status).toBe(403)
    expect((await invoke(keysOf(await assume(roleArn(RoleName))))).status).toBe(200)
  })

  it('narrows them by a policy of the session', async () => {
    const Policy = document(statement('lambda:InvokeFunction', arnOf('f')))
    const session = keysOf(await assume(roleArn('assumable'), { Policy }))
    expect((await invoke(session)).status).toBe(200)
    expect((await invoke(session, 'g')).message).toContain('because no session policy allows')
    const arns = { 'PolicyArns.member.1.arn': 'arn:aws:iam::aws:policy/AmazonS3FullAccess' }
    expect((await invoke(keysOf(await assume(roleArn('assumable'), arns)))).status).toBe(403)
  })

  it('goes by the trust policy of the role and the policies of the caller', async () => {
    const user = await makeUser('assumer')
    const refused = {
      status: 403,
      code: 'AccessDenied',
      message: `User: arn:aws:iam::${account}:user/assumer is not authorized to perform: sts:AssumeRole on resource: ${roleArn('assumable')}`,
    }
    expect(await assume(roleArn('assumable'), {}, user)).toMatchObject(refused)
    const may = document(statement('sts:AssumeRole'))
    await iam('PutUserPolicy', { UserName: 'assumer', PolicyName: 'p', PolicyDocument: may })
    expect((await assume(roleArn('assumable'), {}, user)).status).toBe(200)
    // Trusted by nobody but Lambda.
    expect((await assume(roleArn('lent'), {}, user)).code).toBe('AccessDenied')
    expect((await assume(roleArn('missing'), {}, user)).code).toBe('AccessDenied')
    expect((await assume(roleArn('assumable'), {}, otherKeys)).code).toBe('AccessDenied')
    const trust = document({
      ...{ Effect: 'Allow', Principal: { AWS: otherAccount }, Action: 'sts:AssumeRole' },
      Condition: { StringEquals: { 'sts:ExternalId': 'secret' } },
    })
    await iam('CreateRole', { RoleName: 'shared', AssumeRolePolicyDocument: trust })
    expect((await assume(roleArn('shared'), {}, otherKeys)).code).toBe('AccessDenied')
    expect((await assume(roleArn('shared'), { ExternalId: 'secret' }, otherKeys)).status).toBe(200)
  })

  it('takes the durations that the role allows', async () => {
    const seconds = (DurationSeconds: string, by?: Keys) => assume(roleArn('assumable'), { DurationSeconds }, by)
    expect((await seconds('7200')).status).toBe(200)
    expect(await seconds('7201')).toMatchObject({
      code: 'ValidationError',
      message: 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    })
    expect((await seconds('899')).message).toContain('Member must have value greater than or equal to 900')
    expect((await seconds('43201')).message).toContain('Member must have value less than or equal to 43200')
    const full = keysOf(await assume(fullAccessRole))
    expect(await seconds('3601', full)).toMatchObject({ code: 'ValidationError' })
    expect((await seconds('3600', full)).status).toBe(200)
  })

  it.each([
    ['no session name', { RoleSessionName: '' }, 'ValidationError'],
    ['a session name with a slash', { RoleSessionName: 'a/b' }, 'ValidationError'],
    ['a policy that is none', { Policy: '{' }, 'MalformedPolicyDocument'],
    ['what is not looked at', { SerialNumber: 'arn:aws:iam::123456789012:mfa/x' }, 'ValidationError'],
    ['tags of the session', { 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': 'b' }, 'ValidationError'],
  ] as [string, Record<string, string>, string][])('refuses %s', async (_name, more, code) => {
    expect((await assume(roleArn('assumable'), more)).code).toBe(code)
  })
})
