import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  account,
  type Keys,
  keys,
  otherAccount,
  otherKeys,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../testing/index.ts'

const run = promisify(execFile)
let frontend: TestFrontend
let folder: string

beforeAll(async () => {
  frontend = await startTestFrontend()
  folder = await mkdtemp(join(tmpdir(), 'weft-aws-cli-'))
  await writeFile(join(folder, 'f.zip'), await zipOf())
})
afterAll(async () => {
  await frontend[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Runs the AWS CLI of this machine; resolves to what it printed, as JSON where it is. */
async function aws(by: Keys, ...args: readonly string[]) {
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: by.accessKeyId,
    AWS_SECRET_ACCESS_KEY: by.secretAccessKey,
    ...(by.sessionToken !== undefined && { AWS_SESSION_TOKEN: by.sessionToken }),
  }
  const all = ['--endpoint-url', frontend.endpoint, '--output', 'json', '--no-cli-pager', ...args]
  const { stdout } = await run('/usr/bin/aws', all, { env, cwd: folder })
  return stdout.trim() === '' ? {} : JSON.parse(stdout)
}

/** The last line that the CLI says about a refusal. */
const refusal = async (by: Keys, ...args: readonly string[]): Promise<string> => {
  const failed: unknown = await aws(by, ...args).then(
    () => undefined,
    (error: unknown) => error,
  )
  return failed instanceof Error && 'stderr' in failed ? String(failed.stderr).trim() : 'it was allowed'
}

const document = (Statement: object): string => JSON.stringify({ Version: '2012-10-17', Statement })
const trust = document({
  Effect: 'Allow',
  Principal: { Service: 'lambda.amazonaws.com', AWS: account },
  Action: 'sts:AssumeRole',
})
const arn = `arn:aws:lambda:us-east-1:${account}:function:f`
const invoke = ['lambda', 'invoke', '--function-name', 'f', '--payload', '{"a":1}', 'answer.json']
const raw = ['--cli-binary-format', 'raw-in-base64-out']

it('makes a role, lends it, and is refused what it does not allow', async () => {
  const made = await aws(keys, 'iam', 'create-role', '--role-name', 'caller', '--assume-role-policy-document', trust)
  expect(made.Role).toMatchObject({ RoleName: 'caller', Path: '/', Arn: `arn:aws:iam::${account}:role/caller` })
  const policy = document({ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: arn })
  const name = ['--role-name', 'caller', '--policy-name', 'calls']
  await aws(keys, 'iam', 'put-role-policy', ...name, '--policy-document', policy)
  expect((await aws(keys, 'iam', 'get-role-policy', ...name)).PolicyDocument).toEqual(JSON.parse(policy))
  expect(await aws(keys, 'iam', 'list-role-policies', '--role-name', 'caller')).toEqual({ PolicyNames: ['calls'] })
  const settings = ['--runtime', 'nodejs24.x', '--handler', 'index.handler', '--zip-file', 'fileb://f.zip']
  await aws(keys, 'lambda', 'create-function', '--function-name', 'f', '--role', made.Role.Arn, ...settings)

  const assume = ['sts', 'assume-role', '--role-arn', made.Role.Arn, '--role-session-name', 'work']
  const { Credentials, AssumedRoleUser } = await aws(keys, ...assume, '--duration-seconds', '900')
  expect(AssumedRoleUser.Arn).toBe(`arn:aws:sts::${account}:assumed-role/caller/work`)
  const session: Keys = {
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretAccessKey,
    sessionToken: Credentials.SessionToken,
  }
  expect(await aws(session, 'sts', 'get-caller-identity')).toEqual({
    UserId: AssumedRoleUser.AssumedRoleId,
    Account: account,
    Arn: AssumedRoleUser.Arn,
  })
  expect(await aws(session, ...raw, ...invoke)).toMatchObject({ StatusCode: 200 })
  expect(JSON.parse(await readFile(join(folder, 'answer.json'), 'utf8'))).toEqual({ a: 1 })
  expect(await refusal(session, 'lambda', 'delete-function', '--function-name', 'f')).toBe(
    `An error occurred (AccessDeniedException) when calling the DeleteFunction operation: User: ${AssumedRoleUser.Arn} is not authorized to perform: lambda:DeleteFunction on resource: ${arn} because no identity-based policy allows the lambda:DeleteFunction action`,
  )
  expect(await refusal(session, 'iam', 'list-roles')).toBe(
    `An error occurred (AccessDenied) when calling the ListRoles operation: User: ${AssumedRoleUser.Arn} is not authorized to perform: iam:ListRoles on resource: arn:aws:iam::${account}:role/ because no identity-based policy allows the iam:ListRoles action`,
  )
})

it('lets another account and a service in by the policy of a function', async () => {
  const foreign = ['lambda', 'invoke', '--function-name', arn, 'answer.json']
  expect(await refusal(otherKeys, ...foreign)).toContain('because no resource-based policy allows')
  const permission = (id: string, ...more: string[]) =>
    aws(
      keys,
      ...['lambda', 'add-permission', '--function-name', 'f', '--action', 'lambda:InvokeFunction'],
      ...['--statement-id', id, ...more],
    )
  await permission('other', '--principal', otherAccount)
  await permission('bucket', '--principal', 's3.amazonaws.com', '--source-arn', 'arn:aws:s3:::photos')
  expect(await aws(otherKeys, ...foreign)).toMatchObject({ StatusCode: 200 })
  const { Policy } = await aws(keys, 'lambda', 'get-policy', '--function-name', 'f')
  expect(JSON.parse(Policy)).toEqual({
    Version: '2012-10-17',
    Id: 'default',
    Statement: [
      {
        Sid: 'other',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${otherAccount}:root` },
        Action: 'lambda:InvokeFunction',
        Resource: arn,
      },
      {
        Sid: 'bucket',
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Action: 'lambda:InvokeFunction',
        Resource: arn,
        Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::photos' } },
      },
    ],
  })
  await aws(keys, 'lambda', 'remove-permission', '--function-name', 'f', '--statement-id', 'other')
  expect(await refusal(otherKeys, ...foreign)).toContain('(AccessDeniedException)')
})

it('keeps managed policies, users and their keys', async () => {
  const body = document({ Effect: 'Allow', Action: 'lambda:Get*', Resource: '*' })
  const { Policy } = await aws(keys, 'iam', 'create-policy', '--policy-name', 'reads', '--policy-document', body)
  await aws(keys, 'iam', 'create-user', '--user-name', 'ann')
  await aws(keys, 'iam', 'attach-user-policy', '--user-name', 'ann', '--policy-arn', Policy.Arn)
  const { AccessKey } = await aws(keys, 'iam', 'create-access-key', '--user-name', 'ann')
  const ann: Keys = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
  expect(await aws(ann, 'lambda', 'get-function', '--function-name', 'f')).toMatchObject({
    Configuration: { FunctionName: 'f' },
  })
  expect(await refusal(ann, ...raw, ...invoke)).toContain('lambda:InvokeFunction')
  const version = await aws(keys, 'iam', 'get-policy-version', '--policy-arn', Policy.Arn, '--version-id', 'v1')
  expect(version.PolicyVersion).toMatchObject({ Document: JSON.parse(body), IsDefaultVersion: true })
  expect(await refusal(keys, 'iam', 'delete-user', '--user-name', 'ann')).toBe(
    'An error occurred (DeleteConflict) when calling the DeleteUser operation: Cannot delete entity, must delete access keys first.',
  )
  expect(await refusal(keys, 'iam', 'get-role', '--role-name', 'nobody')).toBe(
    'An error occurred (NoSuchEntity) when calling the GetRole operation: The role with name nobody cannot be found.',
  )
})
