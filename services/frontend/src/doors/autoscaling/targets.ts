import type { ScalingSuspension } from '@weft/contracts'
import { flag, type Input, object, whole } from '../json/fields.ts'
import { validation } from '../json/refusal.ts'
import {
  changeScaling,
  listed,
  namedResource,
  noTarget,
  page,
  type ScalingOperation,
  targetMembers,
} from './context.ts'

/** Environments are a whole number that AWS's API takes as 32 bits. */
const capacity = { min: 0, max: 2_147_483_647 }

export const readBounds = (input: Input) => {
  const [min, max] = [whole(input, 'MinCapacity', capacity), whole(input, 'MaxCapacity', capacity)]
  if (min !== undefined && max !== undefined && min > max)
    throw validation('Minimum capacity cannot be greater than maximum capacity')
  return { ...(min !== undefined && { minCapacity: min }), ...(max !== undefined && { maxCapacity: max }) }
}

function readSuspension(input: Input, before: ScalingSuspension | undefined): ScalingSuspension | undefined {
  const given = object(input, 'SuspendedState')
  if (!given) return before
  return {
    in: flag(given, 'DynamicScalingInSuspended') ?? before?.in ?? false,
    out: flag(given, 'DynamicScalingOutSuspended') ?? before?.out ?? false,
    scheduled: flag(given, 'ScheduledScalingSuspended') ?? before?.scheduled ?? false,
  }
}

/** Registers a target, or changes what is given of one that is registered. */
export const registerScalableTarget: ScalingOperation = async (context, input) => {
  const resource = namedResource(input)
  const bounds = readBounds(input)
  await changeScaling(context, resource, (before) => {
    const minCapacity = bounds.minCapacity ?? before?.minCapacity
    const maxCapacity = bounds.maxCapacity ?? before?.maxCapacity
    if (minCapacity === undefined || maxCapacity === undefined)
      throw validation('MinCapacity and MaxCapacity must be specified when a new scalable target is registered')
    if (minCapacity > maxCapacity) throw validation('Minimum capacity cannot be greater than maximum capacity')
    const suspended = readSuspension(input, before?.suspended)
    const made = { createdAtMs: context.clock.now(), policies: {}, actions: {}, activities: [] }
    return { ...made, ...before, minCapacity, maxCapacity, ...(suspended && { suspended }) }
  })
  const { accountId, region } = context
  return {
    ScalableTargetARN: `arn:aws:application-autoscaling:${region}:${accountId}:scalable-target/${resource.resourceId}`,
  }
}

/** With its policies and scheduled actions; what is provisioned stays. */
export const deregisterScalableTarget: ScalingOperation = async (context, input) => {
  const resource = namedResource(input)
  await changeScaling(context, resource, (before) => {
    if (!before) throw noTarget(resource)
    return undefined
  })
  return {}
}

export const describeScalableTargets: ScalingOperation = async (context, input) => {
  const { items, ...next } = page(input, listed(context, input, 'ResourceIds'), ({ resourceId }) => resourceId)
  const role = `arn:aws:iam::${context.accountId}:role/aws-service-role/lambda.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency`
  return {
    ScalableTargets: items.map(({ resourceId, scaling }) => ({
      ...targetMembers(resourceId),
      MinCapacity: scaling.minCapacity,
      MaxCapacity: scaling.maxCapacity,
      RoleARN: role,
      CreationTime: scaling.createdAtMs / 1_000,
      SuspendedState: {
        DynamicScalingInSuspended: scaling.suspended?.in ?? false,
        DynamicScalingOutSuspended: scaling.suspended?.out ?? false,
        ScheduledScalingSuspended: scaling.suspended?.scheduled ?? false,
      },
    })),
    ...next,
  }
}

export const describeScalingActivities: ScalingOperation = async (context, input) => {
  const all = listed(context, input, 'ResourceId').flatMap(({ resourceId, scaling }) =>
    scaling.activities.map((activity) => ({ resourceId, activity })),
  )
  // The newest first: a page follows the one before it in that order.
  const nameOf = ({ activity }: (typeof all)[number]): string =>
    `${String(Number.MAX_SAFE_INTEGER - activity.atMs).padStart(16, '0')} ${activity.activityId}`
  const { items, ...next } = page(input, all, nameOf)
  return {
    ScalingActivities: items.map(({ resourceId, activity: { activityId, atMs, status, ...activity } }) => ({
      ActivityId: activityId,
      ...targetMembers(resourceId),
      Description: activity.description,
      Cause: activity.cause,
      StartTime: atMs / 1_000,
      EndTime: atMs / 1_000,
      StatusCode: status,
      StatusMessage: activity.message ?? `Successfully set ${targetMembers(resourceId).ScalableDimension}.`,
    })),
    ...next,
  }
}
