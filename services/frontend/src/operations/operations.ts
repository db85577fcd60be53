import { type OperationInputs, validateInput } from '@weft/aws'
import { err } from '@weft/contracts'
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from './aliases.ts'
import type { Management, Operations, ServedOperation } from './api.ts'
import { deleteFunctionConcurrency, getFunctionConcurrency, putFunctionConcurrency } from './concurrency.ts'
import type { Operation } from './context.ts'
import { createFunction } from './create-function.ts'
import { deleteFunction } from './delete-function.ts'
import type { OperationDeps } from './deps.ts'
import {
  deleteFunctionEventInvokeConfig,
  getFunctionEventInvokeConfig,
  listFunctionEventInvokeConfigs,
  putFunctionEventInvokeConfig,
  updateFunctionEventInvokeConfig,
} from './event-invoke-config.ts'
import {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMapping,
} from './event-source-mappings.ts'
import { getAccountSettings } from './get-account-settings.ts'
import { getFunction } from './get-function.ts'
import { getFunctionConfiguration } from './get-function-configuration.ts'
import { invoke } from './invoke.ts'
import { listFunctions } from './list-functions.ts'
import { listVersionsByFunction } from './list-versions-by-function.ts'
import { publishEvent } from './publish-event.ts'
import { publishVersion } from './publish-version.ts'
import { listTags, tagResource, untagResource } from './tags.ts'
import { updateFunctionCode } from './update-function-code.ts'
import { updateFunctionConfiguration } from './update-function-configuration.ts'

/** Everything a door can ask for, each operation behind the checks of the API model. */
export function createOperations(deps: OperationDeps): Operations {
  const plain: Management = {
    CreateFunction: createFunction(deps),
    GetFunction: getFunction(deps),
    GetFunctionConfiguration: getFunctionConfiguration(deps),
    ListFunctions: listFunctions(deps),
    UpdateFunctionCode: updateFunctionCode(deps),
    UpdateFunctionConfiguration: updateFunctionConfiguration(deps),
    DeleteFunction: deleteFunction(deps),
    PublishVersion: publishVersion(deps),
    ListVersionsByFunction: listVersionsByFunction(deps),
    CreateAlias: createAlias(deps),
    GetAlias: getAlias(deps),
    UpdateAlias: updateAlias(deps),
    DeleteAlias: deleteAlias(deps),
    ListAliases: listAliases(deps),
    PutFunctionConcurrency: putFunctionConcurrency(deps),
    GetFunctionConcurrency: getFunctionConcurrency(deps),
    DeleteFunctionConcurrency: deleteFunctionConcurrency(deps),
    PutFunctionEventInvokeConfig: putFunctionEventInvokeConfig(deps),
    UpdateFunctionEventInvokeConfig: updateFunctionEventInvokeConfig(deps),
    GetFunctionEventInvokeConfig: getFunctionEventInvokeConfig(deps),
    DeleteFunctionEventInvokeConfig: deleteFunctionEventInvokeConfig(deps),
    ListFunctionEventInvokeConfigs: listFunctionEventInvokeConfigs(deps),
    CreateEventSourceMapping: createEventSourceMapping(deps),
    GetEventSourceMapping: getEventSourceMapping(deps),
    ListEventSourceMappings: listEventSourceMappings(deps),
    UpdateEventSourceMapping: updateEventSourceMapping(deps),
    DeleteEventSourceMapping: deleteEventSourceMapping(deps),
    TagResource: tagResource(deps),
    UntagResource: untagResource(deps),
    ListTags: listTags(deps),
    GetAccountSettings: getAccountSettings(deps),
  }
  const checked = Object.entries(plain).map(([name, operation]) => [
    name,
    behindModel(name as ServedOperation, operation as Operation<OperationInputs[ServedOperation], unknown>),
  ])
  return {
    management: Object.fromEntries(checked) as Management,
    invoke: invoke(deps),
    publish: publishEvent(deps),
  }
}

const behindModel =
  <Input extends OperationInputs[ServedOperation]>(
    name: ServedOperation,
    operation: Operation<Input, unknown>,
  ): Operation<Input, unknown> =>
  async (context, input) => {
    const problem = validateInput(name, input)
    return problem ? err(problem) : operation(context, input)
  }
