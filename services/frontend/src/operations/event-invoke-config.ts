import { type AwsError, type FunctionName, type FunctionRecord, LATEST, ok, type Result } from '@weft/contracts'
import {
  applyEventInvoke,
  arnOf,
  describeEventInvoke,
  type EventInvokeInput,
  eventInvokeOf,
  eventInvokeQualifiers,
  nameFunction,
  notFound,
  resolveFunction,
  type Scope,
  withEventInvoke,
} from '@weft/registry'
import type { Management } from './api.ts'
import type { CallContext } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries } from './lookup.ts'

/** API reference of ListFunctionEventInvokeConfigs: 50 to a page at most. */
const mostPerPage = 50

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

/** AWS's words where there is no function to put settings on, or to list those of. */
const noFunction: Result<never, AwsError> = notFound("The function doesn't exist.")

/**
 * The function, and the qualifier whose events are meant: settings belong to what the caller named, not to what it leads to.
 * `missing` is told where there is none.
 */
async function resolve(
  deps: OperationDeps,
  scope: Scope,
  input: Named,
  missing: (arn: string) => Result<never, AwsError> = () => noFunction,
) {
  const named = nameFunction(scope, input.FunctionName, input.Qualifier)
  if (!named.ok) return named
  const { functionName, qualifier: asked = LATEST } = named.value
  const catalogue = await catalogueWith(deps, scope, functionName, asked)
  const found = resolveFunction(catalogue, scope, functionName, asked)
  if (!found.ok) return missing(arnOf(scope, functionName, asked))
  const { record, qualifier = LATEST } = found.value
  return ok({ record, qualifier, arn: `${record.functionArn}:${qualifier}` })
}

const noConfig = (arn: string): Result<never, AwsError> =>
  notFound(`The function ${arn} doesn't have an EventInvokeConfig`)

/** Put lays the settings over nothing, Update over what is there. */
const write =
  (deps: OperationDeps, merge: boolean) => async (context: CallContext, input: Named & EventInvokeInput) => {
    const scope = scopeOf(deps, context.principal)
    const found = await resolve(deps, scope, input)
    if (!found.ok) return found
    const { arn, qualifier } = found.value
    const { functionName } = found.value.record
    const changed = await changeFunction(
      deps,
      scope,
      functionName,
      (record) => {
        const base = record && eventInvokeOf(record, qualifier)
        if (!record || (merge && !base)) return noConfig(arn)
        const settings = applyEventInvoke((merge && base) || {}, input, {
          scope,
          functionName,
          functionExists: (name) => deps.catalogue.function(scope.accountId, name as FunctionName) !== undefined,
        })
        if (!settings.ok) return settings
        return ok(withEventInvoke(record, qualifier, { ...settings.value, lastModifiedMs: deps.clock.now() }))
      },
      mergeTries,
    )
    return changed.ok ? ok(describeEventInvoke(changed.value, qualifier)) : changed
  }

export const putFunctionEventInvokeConfig = (deps: OperationDeps): Management['PutFunctionEventInvokeConfig'] =>
  write(deps, false)

export const updateFunctionEventInvokeConfig = (deps: OperationDeps): Management['UpdateFunctionEventInvokeConfig'] =>
  write(deps, true)

export const getFunctionEventInvokeConfig =
  (deps: OperationDeps): Management['GetFunctionEventInvokeConfig'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), input, noConfig)
    if (!found.ok) return found
    const { record, qualifier, arn } = found.value
    return eventInvokeOf(record, qualifier) ? ok(describeEventInvoke(record, qualifier)) : noConfig(arn)
  }

export const listFunctionEventInvokeConfigs =
  (deps: OperationDeps): Management['ListFunctionEventInvokeConfigs'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), { FunctionName: input.FunctionName })
    if (!found.ok) return found
    const { record } = found.value
    const page = deps.markers.page(
      principal.accountId,
      `event-invoke-configs ${record.functionName}`,
      eventInvokeQualifiers(record),
      (qualifier) => qualifier,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      FunctionEventInvokeConfigs: page.value.items.map((qualifier) => describeEventInvoke(record, qualifier)),
      NextMarker: page.value.nextMarker,
    })
  }

export const deleteFunctionEventInvokeConfig =
  (deps: OperationDeps): Management['DeleteFunctionEventInvokeConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolve(deps, scope, input, noConfig)
    if (!found.ok) return found
    const removed = await removeEventInvoke(deps, scope, found.value.record, found.value.qualifier)
    return removed.ok ? ok({}) : removed
  }

/** Takes the settings of a qualifier away. Errors: ResourceNotFoundException when it has none. */
async function removeEventInvoke(
  deps: Pick<OperationDeps, 'stores'>,
  scope: Scope,
  { functionName, functionArn }: FunctionRecord,
  qualifier: string,
): Promise<Result<FunctionRecord, AwsError>> {
  return changeFunction(
    deps,
    scope,
    functionName,
    (record) =>
      record && eventInvokeOf(record, qualifier)
        ? ok(withEventInvoke(record, qualifier, undefined))
        : noConfig(`${functionArn}:${qualifier}`),
    mergeTries,
  )
}
