/**
 * Operations of the Lambda API that are served, each under its name in camelCase; the others are refused as
 * NotImplementedException. A new operation is its file and a line here. Calls of functions are not in this list: their
 * payload is no JSON, so doors reach them apart.
 */
export { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from './aliases.ts'
export {
  createCodeSigningConfig,
  deleteCodeSigningConfig,
  getCodeSigningConfig,
  listCodeSigningConfigs,
  listFunctionsByCodeSigningConfig,
  updateCodeSigningConfig,
} from './code-signing-configs.ts'
export { deleteFunctionConcurrency, getFunctionConcurrency, putFunctionConcurrency } from './concurrency.ts'
export { createFunction } from './create-function.ts'
export { deleteFunction } from './delete-function.ts'
export {
  deleteFunctionEventInvokeConfig,
  getFunctionEventInvokeConfig,
  listFunctionEventInvokeConfigs,
  putFunctionEventInvokeConfig,
  updateFunctionEventInvokeConfig,
} from './event-invoke-config.ts'
export {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  updateEventSourceMapping,
} from './event-source-mappings.ts'
export {
  deleteFunctionCodeSigningConfig,
  getFunctionCodeSigningConfig,
  putFunctionCodeSigningConfig,
} from './function-code-signing-config.ts'
export {
  createFunctionUrlConfig,
  deleteFunctionUrlConfig,
  getFunctionUrlConfig,
  listFunctionUrlConfigs,
  updateFunctionUrlConfig,
} from './function-url-configs.ts'
export { getAccountSettings } from './get-account-settings.ts'
export { getFunction } from './get-function.ts'
export { getFunctionConfiguration } from './get-function-configuration.ts'
export {
  addLayerVersionPermission,
  getLayerVersionPolicy,
  removeLayerVersionPermission,
} from './layer-permissions.ts'
export {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayers,
  listLayerVersions,
  publishLayerVersion,
} from './layers.ts'
export { listFunctions } from './list-functions.ts'
export { listVersionsByFunction } from './list-versions-by-function.ts'
export { addPermission, getPolicy, removePermission } from './permissions.ts'
export {
  deleteProvisionedConcurrencyConfig,
  getProvisionedConcurrencyConfig,
  listProvisionedConcurrencyConfigs,
  putProvisionedConcurrencyConfig,
} from './provisioned-concurrency.ts'
export { publishVersion } from './publish-version.ts'
export { getFunctionRecursionConfig, putFunctionRecursionConfig } from './recursion-config.ts'
export { deleteResourcePolicy, getResourcePolicy, putResourcePolicy } from './resource-policies.ts'
export { getRuntimeManagementConfig, putRuntimeManagementConfig } from './runtime-management-config.ts'
export { listTags, tagResource, untagResource } from './tags.ts'
export { updateFunctionCode } from './update-function-code.ts'
export { updateFunctionConfiguration } from './update-function-configuration.ts'
