import { type AwsError, err, type FunctionRecord, LATEST, ok, type Result } from '@weft/contracts'
import {
  applyEventInvoke,
  describeEventInvoke,
  type EventInvokeInput,
  notFound,
  notServed,
  resolveFunction,
  type Scope,
} from '@weft/registry'
import type { Management } from './api.ts'
import type { CallContext } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries } from './lookup.ts'

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

async function resolve(deps: OperationDeps, scope: Scope, input: Named) {
  const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
  const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
  if (!found.ok) return found
  const { qualifier } = found.value
  return qualifier === undefined || qualifier === LATEST ? found : notServed('EventInvokeConfig of a version or alias')
}

const noConfig = (arn: string): Result<never, AwsError> =>
  notFound(`The function ${arn} doesn't have an EventInvokeConfig`)

/** Put lays the settings over nothing, Update over what is there. */
const write =
  (deps: OperationDeps, merge: boolean) => async (context: CallContext, input: Named & EventInvokeInput) => {
    const scope = scopeOf(deps, context.principal)
    const found = await resolve(deps, scope, input)
    if (!found.ok) return found
    const arn = `${found.value.record.functionArn}:${LATEST}`
    const changed = await changeFunction(
      deps,
      scope,
      input.FunctionName,
      (record) => {
        if (!record || (merge && !record.eventInvoke)) return noConfig(arn)
        const settings = applyEventInvoke((merge && record.eventInvoke) || {}, input)
        return settings.ok ? ok({ ...record, eventInvoke: settings.value }) : settings
      },
      mergeTries,
    )
    return changed.ok ? ok(describeEventInvoke(changed.value)) : changed
  }

export const putFunctionEventInvokeConfig = (deps: OperationDeps): Management['PutFunctionEventInvokeConfig'] =>
  write(deps, false)

export const updateFunctionEventInvokeConfig = (deps: OperationDeps): Management['UpdateFunctionEventInvokeConfig'] =>
  write(deps, true)

export const getFunctionEventInvokeConfig =
  (deps: OperationDeps): Management['GetFunctionEventInvokeConfig'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), input)
    if (!found.ok) return found
    const { record } = found.value
    return record.eventInvoke ? ok(describeEventInvoke(record)) : noConfig(`${record.functionArn}:${LATEST}`)
  }

export const listFunctionEventInvokeConfigs =
  (deps: OperationDeps): Management['ListFunctionEventInvokeConfigs'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), input)
    if (!found.ok) return found
    const { record } = found.value
    const marker = deps.markers.read(principal.accountId, 'event-invoke-configs', input.Marker)
    if (!marker.ok) return marker
    return ok({ FunctionEventInvokeConfigs: record.eventInvoke ? [describeEventInvoke(record)] : [] })
  }

export const deleteFunctionEventInvokeConfig =
  (deps: OperationDeps): Management['DeleteFunctionEventInvokeConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolve(deps, scope, input)
    if (!found.ok) return found
    const arn = `${found.value.record.functionArn}:${LATEST}`
    const changed = await changeFunction(
      deps,
      scope,
      input.FunctionName,
      (record): Result<FunctionRecord, AwsError> => {
        if (!record?.eventInvoke) return noConfig(arn)
        const { eventInvoke: _removed, ...rest } = record
        return ok(rest)
      },
      mergeTries,
    )
    return changed.ok ? ok({}) : err(changed.error)
  }
