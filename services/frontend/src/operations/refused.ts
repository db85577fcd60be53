import type { OperationName } from '@weft/aws'
import { type AwsError, awsError } from '@weft/contracts'
import type { ServedOperation } from './api.ts'

/** Operations whose payload is no JSON; doors reach them apart from the others. */
export type CallOperation = 'Invoke' | 'InvokeAsync' | 'InvokeWithResponseStream'

const capacity = 'functions run on the workers of the fabric, and there are no capacity providers'
const scaling =
  'it belongs to functions on capacity providers; reserved and provisioned concurrency bound the environments of a function'
const durable = 'there are no durable executions'

/** Every operation of the API model that is not served, and why. */
export const refusedOperations: Readonly<Record<Exclude<OperationName, ServedOperation | CallOperation>, string>> = {
  CreateCapacityProvider: capacity,
  GetCapacityProvider: capacity,
  ListCapacityProviders: capacity,
  UpdateCapacityProvider: capacity,
  DeleteCapacityProvider: capacity,
  ListFunctionVersionsByCapacityProvider: capacity,
  PutFunctionScalingConfig: scaling,
  GetFunctionScalingConfig: scaling,
  CheckpointDurableExecution: durable,
  GetDurableExecution: durable,
  GetDurableExecutionHistory: durable,
  GetDurableExecutionState: durable,
  ListDurableExecutionsByFunction: durable,
  StopDurableExecution: durable,
  SendDurableExecutionCallbackSuccess: durable,
  SendDurableExecutionCallbackFailure: durable,
  SendDurableExecutionCallbackHeartbeat: durable,
}

export type RefusedOperation = keyof typeof refusedOperations

/** The refusal of an operation that is in the model but not served. */
export function refusalOf(operation: RefusedOperation): AwsError {
  return awsError(
    'NotImplementedException',
    `${operation} is not served by this fabric: ${refusedOperations[operation]}.`,
  )
}
