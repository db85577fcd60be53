import type { FunctionRecord } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Catalogue, Store } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor } from '../door.ts'
import { jsonDoor } from '../json/json-door.ts'
import { deleteScheduledAction, describeScheduledActions, putScheduledAction } from './actions.ts'
import type { ScalingOperation } from './context.ts'
import { deleteScalingPolicy, describeScalingPolicies, putScalingPolicy } from './policies.ts'
import {
  deregisterScalableTarget,
  describeScalableTargets,
  describeScalingActivities,
  registerScalableTarget,
} from './targets.ts'

export const scalingOperations: Readonly<Record<string, ScalingOperation>> = {
  RegisterScalableTarget: registerScalableTarget,
  DeregisterScalableTarget: deregisterScalableTarget,
  DescribeScalableTargets: describeScalableTargets,
  PutScalingPolicy: putScalingPolicy,
  DeleteScalingPolicy: deleteScalingPolicy,
  DescribeScalingPolicies: describeScalingPolicies,
  PutScheduledAction: putScheduledAction,
  DeleteScheduledAction: deleteScheduledAction,
  DescribeScheduledActions: describeScheduledActions,
  DescribeScalingActivities: describeScalingActivities,
}

export interface AutoscalingDoorDeps {
  readonly catalogue: Catalogue
  readonly functions: Store<FunctionRecord>
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

/** Application Auto Scaling, of provisioned concurrency. JSON 1.1, operation in `X-Amz-Target`. */
export function autoscalingDoor({ catalogue, functions, authorizer, region, clock }: AutoscalingDoorDeps): AwsDoor {
  return jsonDoor({
    ...{ service: 'application-autoscaling', target: 'AnyScaleFrontendService.', limitBytes: 64 * 1024 },
    ...{ operations: scalingOperations, authorizer },
    // Service authorization reference, AWS Application Auto Scaling: what is asked for is the right to scale at all.
    resource: () => '*',
    context: ({ principal }) => ({ ...{ accountId: principal.accountId, region, catalogue, functions, clock } }),
  })
}
