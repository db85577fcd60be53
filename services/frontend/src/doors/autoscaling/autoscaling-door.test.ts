import { catalogueKeys, type FunctionRecord } from '@weft/contracts'
import { FakeClock } from '@weft/platform/testing'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'
import { beforeEach, describe, expect, it, test } from 'vitest'
import { doorRequest, testAuthorizer, wholeBody } from '../testing.ts'
import { autoscalingDoor } from './autoscaling-door.ts'

const record = recordNamed('shop')
const { accountId: account } = record
const target = {
  ServiceNamespace: 'lambda',
  ResourceId: 'function:shop:live',
  ScalableDimension: 'lambda:function:ProvisionedConcurrency',
}
const tracking = {
  TargetValue: 0.7,
  PredefinedMetricSpecification: { PredefinedMetricType: 'LambdaProvisionedConcurrencyUtilization' },
}
const policy = {
  ...target,
  PolicyName: 'busy',
  PolicyType: 'TargetTrackingScaling',
  TargetTrackingScalingPolicyConfiguration: tracking,
}

let catalogue: MemoryCatalogue
let clock: FakeClock
let call: (operation: string, input: object) => Promise<{ status: number; body: Record<string, unknown> }>

beforeEach(async () => {
  catalogue = new MemoryCatalogue()
  clock = new FakeClock()
  const owned = { accountId: account, functionName: record.functionName }
  const life = { ...owned, ...(record.functionId && { functionId: record.functionId }) }
  catalogue.functionStore.put(`${account}.shop`, record)
  catalogue.versionStore.put(catalogueKeys.version(account, record.functionName, '1'), {
    ...life,
    version: { ...record.latest, version: '1' },
  })
  catalogue.aliasStore.put(catalogueKeys.alias(account, record.functionName, 'live'), {
    ...life,
    ...{ name: 'live', functionVersion: '1', description: '', revisionId: 'a' },
  })
  const door = autoscalingDoor({
    ...{ catalogue, functions: catalogue.functionStore, authorizer: testAuthorizer(), region: 'us-east-1', clock },
  })
  call = async (operation, input) => {
    const headers = { 'x-amz-target': `AnyScaleFrontendService.${operation}` }
    const body = Buffer.from(JSON.stringify(input))
    const answer = await door.handle(doorRequest({ accountId: account, method: 'POST', headers, body }))
    return { status: answer.status, body: JSON.parse(wholeBody(answer).toString()) }
  }
})

const stored = (): FunctionRecord | undefined => catalogue.functionStore.entries.get(`${account}.shop`)?.value
const register = (input: object = { MinCapacity: 1, MaxCapacity: 10 }) =>
  call('RegisterScalableTarget', { ...target, ...input })

describe('a scalable target', () => {
  it('is registered, changed in part, described, and deregistered with all it has', async () => {
    expect(await register()).toMatchObject({ status: 200, body: { ScalableTargetARN: expect.any(String) } })
    await register({ MaxCapacity: 20, SuspendedState: { ScheduledScalingSuspended: true } })
    const { body } = await call('DescribeScalableTargets', { ServiceNamespace: 'lambda' })
    expect(body.ScalableTargets).toEqual([
      expect.objectContaining({
        ...target,
        ...{ MinCapacity: 1, MaxCapacity: 20 },
        SuspendedState: {
          ...{ DynamicScalingInSuspended: false, DynamicScalingOutSuspended: false },
          ScheduledScalingSuspended: true,
        },
      }),
    ])
    await call('PutScalingPolicy', policy)
    expect(await call('DeregisterScalableTarget', target)).toMatchObject({ status: 200 })
    expect(stored()?.scaling).toBeUndefined()
    expect(await call('DeregisterScalableTarget', target)).toMatchObject({
      status: 400,
      body: { __type: 'ObjectNotFoundException' },
    })
  })

  test.each([
    ['a service that is not scaled', { ServiceNamespace: 'dynamodb' }],
    ['a dimension that is not scaled', { ScalableDimension: 'ecs:service:DesiredCount' }],
    ['a resource that is none', { ResourceId: 'table/x' }],
    ['a function without qualifier', { ResourceId: 'function:shop' }],
    ['$LATEST', { ResourceId: 'function:shop:$LATEST' }],
    ['an alias that is not there', { ResourceId: 'function:shop:gone' }],
    ['a function that is not there', { ResourceId: 'function:gone:live' }],
    ['bounds that cross', { MinCapacity: 5, MaxCapacity: 4 }],
    ['a negative bound', { MinCapacity: -1 }],
    ['half of its bounds', { MaxCapacity: undefined }],
    ['no dimension', { ScalableDimension: undefined }],
  ])('is refused with %s', async (_what, change) => {
    const answer = await call('RegisterScalableTarget', { ...target, MinCapacity: 1, MaxCapacity: 2, ...change })
    expect(answer).toMatchObject({ status: 400, body: { __type: 'ValidationException' } })
    expect(stored()?.scaling).toBeUndefined()
  })
})

describe('a policy', () => {
  it('is put, replaced under the same ARN, described and deleted', async () => {
    await register()
    const { body } = await call('PutScalingPolicy', policy)
    const again = await call('PutScalingPolicy', {
      ...policy,
      TargetTrackingScalingPolicyConfiguration: { ...tracking, TargetValue: 0.5, ScaleInCooldown: 60 },
    })
    expect(again.body.PolicyARN).toBe(body.PolicyARN)
    const described = await call('DescribeScalingPolicies', { ServiceNamespace: 'lambda', PolicyNames: ['busy'] })
    expect(described.body.ScalingPolicies).toEqual([
      expect.objectContaining({
        ...{ ...target, PolicyName: 'busy', PolicyARN: body.PolicyARN },
        TargetTrackingScalingPolicyConfiguration: {
          ...{ ...tracking, TargetValue: 0.5 },
          ...{ ScaleOutCooldown: 0, ScaleInCooldown: 60, DisableScaleIn: false },
        },
      }),
    ])
    expect((await call('DeleteScalingPolicy', { ...target, PolicyName: 'busy' })).status).toBe(200)
    const gone = await call('DeleteScalingPolicy', { ...target, PolicyName: 'constructor' })
    expect(gone.body.__type).toBe('ObjectNotFoundException')
  })

  it('needs a target', async () => {
    expect((await call('PutScalingPolicy', policy)).body.__type).toBe('ObjectNotFoundException')
  })

  test.each([
    ['a value above 1', { TargetValue: 70 }],
    ['the value 0', { TargetValue: 0 }],
    ['no metric', { PredefinedMetricSpecification: undefined }],
    ['another metric', { PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' } }],
    [
      'a metric of its own that is not watched',
      {
        PredefinedMetricSpecification: undefined,
        CustomizedMetricSpecification: { MetricName: 'Errors', Namespace: 'AWS/Lambda', Statistic: 'Sum' },
      },
    ],
  ])('is refused with %s', async (_what, change) => {
    await register()
    const answer = await call('PutScalingPolicy', {
      ...policy,
      TargetTrackingScalingPolicyConfiguration: { ...tracking, ...change },
    })
    expect(answer).toMatchObject({ status: 400, body: { __type: 'ValidationException' } })
  })

  it('in steps is refused', async () => {
    await register()
    const answer = await call('PutScalingPolicy', { ...policy, PolicyType: 'StepScaling' })
    expect(answer.body.__type).toBe('ValidationException')
  })
})

describe('a scheduled action', () => {
  const action = {
    ...target,
    ...{ ScheduledActionName: 'morning', Schedule: 'cron(0 8 * * ? *)', Timezone: 'Europe/Berlin' },
    ScalableTargetAction: { MinCapacity: 5 },
  }

  it('is put, changed in part, described and deleted', async () => {
    await register()
    expect((await call('PutScheduledAction', action)).status).toBe(200)
    await call('PutScheduledAction', { ...target, ScheduledActionName: 'morning', Schedule: 'cron(0 9 * * ? *)' })
    const { body } = await call('DescribeScheduledActions', { ServiceNamespace: 'lambda' })
    expect(body.ScheduledActions).toEqual([
      expect.objectContaining({
        ...{ ScheduledActionName: 'morning', Schedule: 'cron(0 9 * * ? *)', Timezone: 'Europe/Berlin' },
        ScalableTargetAction: { MinCapacity: 5 },
      }),
    ])
    const deleted = await call('DeleteScheduledAction', { ...target, ScheduledActionName: 'morning' })
    expect(deleted.status).toBe(200)
    const again = await call('DeleteScheduledAction', { ...target, ScheduledActionName: 'morning' })
    expect(again.body.__type).toBe('ObjectNotFoundException')
  })

  test.each([
    ['a schedule that cannot be read', { Schedule: 'daily' }],
    ['a time that is past', { Schedule: 'at(1969-01-01T00:00:00)' }],
    ['a zone that is none', { Timezone: 'Mars/Olympus' }],
    ['nothing to do', { ScalableTargetAction: {} }],
    ['no schedule', { Schedule: undefined }],
    ['an end before its start', { StartTime: 2_000_000_000, EndTime: 1_900_000_000 }],
    ['a name with a colon', { ScheduledActionName: 'a:b' }],
  ])('is refused with %s', async (_what, change) => {
    await register()
    const answer = await call('PutScheduledAction', { ...action, ...change })
    expect(answer).toMatchObject({ status: 400, body: { __type: 'ValidationException' } })
  })
})

it('another operation of the service is refused by name', async () => {
  expect((await call('TagResource', {})).body.__type).toBe('UnknownOperationException')
})
