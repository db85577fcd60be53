import type { OperationInputs, OperationOutputs } from '@weft/aws'
import type { InvokeInput, InvokeOutput, Operation, PublishInput, PublishOutput } from './context.ts'

/** Operations of the Lambda API that are served; the others are refused as NotImplementedException. */
export const servedOperations = [
  'CreateFunction',
  'GetFunction',
  'GetFunctionConfiguration',
  'ListFunctions',
  'UpdateFunctionCode',
  'UpdateFunctionConfiguration',
  'DeleteFunction',
  'PublishVersion',
  'ListVersionsByFunction',
  'CreateAlias',
  'GetAlias',
  'UpdateAlias',
  'DeleteAlias',
  'ListAliases',
  'PutFunctionConcurrency',
  'GetFunctionConcurrency',
  'DeleteFunctionConcurrency',
  'PutFunctionEventInvokeConfig',
  'UpdateFunctionEventInvokeConfig',
  'GetFunctionEventInvokeConfig',
  'DeleteFunctionEventInvokeConfig',
  'ListFunctionEventInvokeConfigs',
  'CreateEventSourceMapping',
  'GetEventSourceMapping',
  'ListEventSourceMappings',
  'UpdateEventSourceMapping',
  'DeleteEventSourceMapping',
  'TagResource',
  'UntagResource',
  'ListTags',
  'GetAccountSettings',
] as const

export type ServedOperation = (typeof servedOperations)[number]

/**
 * Management of functions and mappings, in the shapes of the AWS API. Inputs are checked against the API model inside, so
 * every door gives the same refusals.
 */
export type Management = { readonly [O in ServedOperation]: Operation<OperationInputs[O], OperationOutputs[O]> }

/** What every door can ask for. */
export interface Operations {
  readonly management: Management
  readonly invoke: Operation<InvokeInput, InvokeOutput>
  readonly publish: Operation<PublishInput, PublishOutput>
}
