import { randomUUID } from 'node:crypto'
import type { ScalingPolicy } from '@weft/contracts'
import { flag, type Input, object, required, text, whole } from '../json/fields.ts'
import { validation } from '../json/refusal.ts'
import {
  changeScaling,
  namedResource,
  noTarget,
  ownOf,
  pageOfNamed,
  removeNamed,
  type ScalingContext,
  type ScalingOperation,
  scalingArn,
  targetMembers,
} from './context.ts'

const predefined = 'LambdaProvisionedConcurrencyUtilization'
const metric = { name: 'ProvisionedConcurrencyUtilization', namespace: 'AWS/Lambda' } as const
const statistics = ['Average', 'Minimum', 'Maximum'] as const
const nameBounds = { min: 1, max: 256, pattern: '\\P{C}+' }
const secondMs = 1_000

function readTracking(input: Input): Pick<ScalingPolicy, 'targetValue' | 'statistic' | 'customized'> {
  const targetValue = input.TargetValue
  if (typeof targetValue !== 'number') throw validation('TargetValue must be a number')
  // A utilisation is a share of what is there.
  if (!(targetValue > 0 && targetValue <= 1)) throw validation('TargetValue must be above 0 and at most 1')
  const known = object(input, 'PredefinedMetricSpecification')
  const custom = object(input, 'CustomizedMetricSpecification')
  if (known && custom)
    throw validation('Only one of PredefinedMetricSpecification and CustomizedMetricSpecification can be given')
  if (known) {
    const type = required('PredefinedMetricType', text(known, 'PredefinedMetricType'))
    if (type !== predefined)
      throw validation(`Invalid predefined metric type ${type} for ${targetMembers('').ScalableDimension}`)
    return { targetValue, statistic: 'Average', customized: false }
  }
  if (!custom)
    throw validation('A target tracking policy needs PredefinedMetricSpecification or CustomizedMetricSpecification')
  const name = text(custom, 'MetricName')
  const statistic = statistics.find((one) => one === text(custom, 'Statistic'))
  if (name !== metric.name || text(custom, 'Namespace') !== metric.namespace || !statistic)
    throw validation(`This fabric tracks ${metric.namespace} ${metric.name} by ${statistics.join(', ')}.`)
  return { targetValue, statistic, customized: true }
}

export const putScalingPolicy: ScalingOperation = async (context, input) => {
  const resource = namedResource(input)
  const name = required('PolicyName', text(input, 'PolicyName', nameBounds))
  const type = text(input, 'PolicyType', { values: ['TargetTrackingScaling', 'StepScaling', 'PredictiveScaling'] })
  const tracking = object(input, 'TargetTrackingScalingPolicyConfiguration')
  if (type !== 'TargetTrackingScaling' || !tracking)
    throw validation('Provisioned concurrency is scaled by TargetTrackingScaling policies and scheduled actions only')
  const read = readTracking(tracking)
  let policyId = ''
  await changeScaling(context, resource, (before) => {
    if (!before) throw noTarget(resource)
    const old = ownOf(before.policies, name)
    policyId = old?.policyId ?? randomUUID()
    const policy: ScalingPolicy = {
      ...{ policyId, ...read },
      scaleOutCooldownMs: (whole(tracking, 'ScaleOutCooldown', { min: 0 }) ?? 0) * secondMs,
      scaleInCooldownMs: (whole(tracking, 'ScaleInCooldown', { min: 0 }) ?? 0) * secondMs,
      disableScaleIn: flag(tracking, 'DisableScaleIn') ?? false,
      createdAtMs: old?.createdAtMs ?? context.clock.now(),
    }
    return { ...before, policies: { ...before.policies, [name]: policy } }
  })
  return { PolicyARN: scalingArn(context, 'scalingPolicy', policyId, resource.resourceId, name), Alarms: [] }
}

export const deleteScalingPolicy: ScalingOperation = async (context, input) => {
  const name = required('PolicyName', text(input, 'PolicyName', nameBounds))
  await removeNamed(context, input, 'policies', 'scaling policy', name)
  return {}
}

export const describeScalingPolicies: ScalingOperation = async (context, input) => {
  const { items, ...next } = pageOfNamed(context, input, 'policies', 'PolicyNames')
  return {
    ScalingPolicies: items.map(({ resourceId, name, one }) => describe(context, resourceId, name, one)),
    ...next,
  }
}

const describe = (context: ScalingContext, resourceId: string, name: string, policy: ScalingPolicy) => ({
  PolicyARN: scalingArn(context, 'scalingPolicy', policy.policyId, resourceId, name),
  PolicyName: name,
  ...targetMembers(resourceId),
  PolicyType: 'TargetTrackingScaling',
  TargetTrackingScalingPolicyConfiguration: {
    TargetValue: policy.targetValue,
    ...(policy.customized
      ? {
          CustomizedMetricSpecification: {
            ...{ MetricName: metric.name, Namespace: metric.namespace, Statistic: policy.statistic },
            Dimensions: dimensionsOf(resourceId),
          },
        }
      : { PredefinedMetricSpecification: { PredefinedMetricType: predefined } }),
    ScaleOutCooldown: policy.scaleOutCooldownMs / secondMs,
    ScaleInCooldown: policy.scaleInCooldownMs / secondMs,
    DisableScaleIn: policy.disableScaleIn,
  },
  // The fabric watches utilisation itself: there are no alarms beside it.
  Alarms: [],
  CreationTime: policy.createdAtMs / secondMs,
})

function dimensionsOf(resourceId: string): object[] {
  const [, name = '', qualifier = ''] = resourceId.split(':')
  return [
    { Name: 'FunctionName', Value: name },
    { Name: 'Resource', Value: `${name}:${qualifier}` },
  ]
}
