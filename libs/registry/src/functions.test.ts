import { accountId, type CodeLocation, type FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { describeCreated, describeFunction, describeListed, describeUpdated } from './describe.ts'
import { createFunction, updateFunctionCode, updateFunctionConfiguration } from './functions.ts'
import type { CreateFunctionInput, UpdateFunctionConfigurationInput } from './inputs.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const offer = {
  runtimes: ['nodejs24.x', 'python3.13'],
  architectures: ['x86_64' as const],
  networks: ['subnet-1', 'sg-1'],
}
const code: CodeLocation = { digest: 'ab', sha256: 'q83v', sizeBytes: 10 }
const stamp = { nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6), revisionId: 'revision-1' }
const later = { nowMs: stamp.nowMs + 1_000, revisionId: 'revision-2' }
const input: CreateFunctionInput = {
  FunctionName: 'f',
  Runtime: 'nodejs24.x',
  Role: 'arn:aws:iam::123456789012:role/r',
  Handler: 'index.handler',
}

const create = (change: Partial<CreateFunctionInput> = {}, existing?: FunctionRecord) =>
  createFunction(existing, { ...input, ...change }, { code }, scope, offer, stamp)
const created = (change: Partial<CreateFunctionInput> = {}): FunctionRecord => {
  const result = create(change)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const configure = (change: Partial<UpdateFunctionConfigurationInput>, record: FunctionRecord | undefined = created()) =>
  updateFunctionConfiguration(record, { FunctionName: 'f', ...change }, undefined, scope, offer, later)
const message = (result: ReturnType<typeof create>): string | undefined =>
  result.ok ? undefined : result.error.message

describe('createFunction', () => {
  it('fills in the defaults of AWS and is active at once', () => {
    expect(created().latest).toEqual({
      version: '$LATEST',
      description: '',
      runtime: 'nodejs24.x',
      handler: 'index.handler',
      role: input.Role,
      timeoutMs: 3_000,
      memoryMb: 128,
      ephemeralStorageMb: 512,
      environment: {},
      architecture: 'x86_64',
      logFormat: 'Text',
      logGroup: '/aws/lambda/f',
      tracingMode: 'PassThrough',
      packageType: 'Zip',
      code,
      revisionId: 'revision-1',
      lastModifiedMs: stamp.nowMs,
      state: 'Active',
      lastUpdateStatus: 'Successful',
    })
  })

  it.each([['f'], ['123456789012:function:f'], ['arn:aws:lambda:us-east-1:123456789012:function:f']])(
    'takes the name as %s',
    (FunctionName) => {
      expect(created({ FunctionName }).functionArn).toBe('arn:aws:lambda:us-east-1:123456789012:function:f')
    },
  )

  it('refuses a second function of the name, but checks the request first', () => {
    expect(message(create({}, created()))).toBe('Function already exist: f')
    expect(message(create({ Runtime: 'cobol' }, created()))).toMatch(/^Value cobol at 'runtime'/)
  })

  it('words a name that is too long as AWS does', () => {
    const name = 'x'.repeat(65)
    expect(create({ FunctionName: name })).toEqual({
      ok: false,
      error: {
        code: 'InvalidParameterValueException',
        message: `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
      },
    })
  })

  it.each<[Partial<CreateFunctionInput>, string]>([
    [
      { Runtime: undefined },
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    ],
    [
      { Handler: undefined },
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    ],
    [{ FunctionName: 'f:prod' }, 'The function name must not carry a version or alias.'],
    [
      { PackageType: 'Image' },
      "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    ],
    [{ PublishTo: 'LATEST_PUBLISHED' }, 'PublishTo is not served by this fabric.'],
    [{ Architectures: ['arm64'] }, 'Architecture arm64 is not offered by the workers: [x86_64]'],
    [
      { SnapStart: { ApplyOn: 'PublishedVersions' }, EphemeralStorage: { Size: 1024 } },
      'EphemeralStorage with size greater than 512 MB is not supported for SnapStart enabled functions.',
    ],
    [
      { LoggingConfig: { LogFormat: 'Text', SystemLogLevel: 'DEBUG' } },
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "JSON" and try again.',
    ],
    [{ VpcConfig: { SubnetIds: ['subnet-1'] } }, 'SubnetIds and SecurityIds must coexist or be both empty list.'],
    [
      { VpcConfig: { SubnetIds: ['subnet-0'], SecurityGroupIds: ['sg-1'] } },
      "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-0' does not exist",
    ],
    [
      { VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-0'] } },
      "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-0' does not exist",
    ],
    [
      { Environment: { Variables: { AWS_REGION: 'x', _HANDLER: 'y', OWN: 'z' } } },
      'Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER',
    ],
    [{ Tags: { 'aws:x': '' } }, 'aws: prefixed tag key names are not allowed for external use.'],
    [
      { Tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
      'Number of tags exceeds resource tag limit.',
    ],
  ])('refuses %j', (change, text) => {
    expect(message(create(change))).toBe(text)
  })

  it('measures the environment as JSON, up to 4 KB of UTF-8', () => {
    const fits = 'x'.repeat(4_096 - '{"KEY":""}'.length)
    expect(create({ Environment: { Variables: { KEY: fits } } }).ok).toBe(true)
    expect(message(create({ Environment: { Variables: { KEY: `${fits}x` } } }))).toBe(
      `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {"KEY":"${fits}x"}`,
    )
    expect(create({ Environment: { Variables: { KEY: 'é'.repeat(fits.length / 2 + 1) } } }).ok).toBe(false)
  })
})

describe('updates', () => {
  it('lay what is given over what was, and replace the environment whole', () => {
    const before = created({ Environment: { Variables: { A1: 'x' } }, DeadLetterConfig: { TargetArn: deadLetters } })
    const after = configure({ MemorySize: 256, Environment: { Variables: { B1: 'y' } } }, before)
    expect(after).toMatchObject({
      ok: true,
      value: {
        latest: {
          memoryMb: 256,
          timeoutMs: 3_000,
          environment: { B1: 'y' },
          deadLetterTargetArn: deadLetters,
          revisionId: 'revision-2',
          lastModifiedMs: later.nowMs,
          code,
        },
      },
    })
    const without = configure({ DeadLetterConfig: { TargetArn: '' } }, before)
    expect(without.ok && 'deadLetterTargetArn' in without.value.latest).toBe(false)
  })

  it('compare the revision', () => {
    expect(configure({ RevisionId: 'revision-1' }).ok).toBe(true)
    expect(configure({ RevisionId: 'revision-0' })).toMatchObject({ error: { code: 'PreconditionFailedException' } })
    const stale = { FunctionName: 'f', RevisionId: 'revision-0' }
    expect(updateFunctionCode(created(), stale, { code }, scope, offer, later).ok).toBe(false)
  })

  it('refuse a function that is not there and a version', () => {
    expect(updateFunctionConfiguration(undefined, { FunctionName: 'f' }, undefined, scope, offer, later)).toMatchObject(
      {
        error: { message: 'Function not found: arn:aws:lambda:us-east-1:123456789012:function:f' },
      },
    )
    expect(configure({ FunctionName: 'f:1' }).ok).toBe(false)
    expect(configure({ FunctionName: 'f:$LATEST' }).ok).toBe(true)
  })

  it('change the code alone', () => {
    const next = { digest: 'cd', sha256: 'ze8=', sizeBytes: 11 }
    const updated = updateFunctionCode(
      created({ Timeout: 9 }),
      { FunctionName: 'f' },
      { code: next },
      scope,
      offer,
      later,
    )
    expect(updated).toMatchObject({ value: { latest: { code: next, timeoutMs: 9_000, revisionId: 'revision-2' } } })
  })
})

const deadLetters = 'arn:aws:jetstream:us-east-1:123456789012:stream/DEAD'

describe('deadLetterTarget', () => {
  it.each([
    ['arn:aws:jetstream:us-east-1:210987654321:stream/DEAD'],
    ['arn:aws:jetstream:eu-west-1:123456789012:stream/DEAD'],
    ['arn:aws:sqs:us-east-1:123456789012:queue'],
  ])('refuses %s', (TargetArn) => {
    expect(create({ DeadLetterConfig: { TargetArn } }).ok).toBe(false)
  })
})

describe('descriptions', () => {
  it('show AWS shapes and units', () => {
    const record = created({ Environment: { Variables: { A1: 'x' } } })
    expect(describeFunction(record, record.latest, '$LATEST')).toMatchObject({
      FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST',
      Timeout: 3,
      LastModified: '2026-01-02T03:04:05.006+0000',
      CodeSha256: 'q83v',
      Environment: { Variables: { A1: 'x' } },
      State: 'Active',
    })
    expect(describeCreated(record)).toMatchObject({ State: 'Pending', StateReasonCode: 'Creating' })
    expect(describeCreated(record)).not.toHaveProperty('LastUpdateStatus')
    expect(describeUpdated(record)).toMatchObject({ State: 'Active', LastUpdateStatus: 'InProgress' })
    expect(describeListed(record, record.latest)).not.toHaveProperty('State')
    expect(describeFunction(created(), created().latest)).not.toHaveProperty('Environment')
  })
})

describe('log levels', () => {
  it('belong to the JSON format, are INFO by default and go with it', () => {
    const json = created({ LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' } })
    expect(describeFunction(json, json.latest).LoggingConfig).toEqual({
      LogFormat: 'JSON',
      ApplicationLogLevel: 'INFO',
      SystemLogLevel: 'WARN',
      LogGroup: '/aws/lambda/f',
    })
    const finer = configure({ LoggingConfig: { ApplicationLogLevel: 'TRACE' } }, json)
    expect(finer.ok && finer.value.latest).toMatchObject({ applicationLogLevel: 'TRACE', systemLogLevel: 'WARN' })
    const text = configure({ LoggingConfig: { LogFormat: 'Text' } }, finer.ok ? finer.value : undefined)
    expect(text.ok && describeFunction(text.value, text.value.latest).LoggingConfig).toEqual({
      LogFormat: 'Text',
      LogGroup: '/aws/lambda/f',
    })
    const again = configure({ LoggingConfig: { LogFormat: 'JSON' } }, text.ok ? text.value : undefined)
    expect(again.ok && again.value.latest.systemLogLevel).toBeUndefined()
  })
})

describe('networks', () => {
  it('are those that workers know, stay until others are named, and are left by naming none', () => {
    const joined = created({ VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] } })
    expect(describeFunction(joined, joined.latest).VpcConfig).toEqual({
      SubnetIds: ['subnet-1'],
      SecurityGroupIds: ['sg-1'],
      VpcId: 'vpc-weft',
      Ipv6AllowedForDualStack: false,
    })
    const kept = configure({ Timeout: 4 }, joined)
    expect(kept.ok && kept.value.latest.vpc).toEqual(joined.latest.vpc)
    const left = configure({ VpcConfig: { SubnetIds: [], SecurityGroupIds: [] } }, joined)
    expect(left.ok && left.value.latest.vpc).toBeUndefined()
  })
})
