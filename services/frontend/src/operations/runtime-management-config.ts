import { type FunctionRecord, ok } from '@weft/contracts'
import { arnOf, manageRuntime, qualifiedOf, resolveFunction } from '@weft/registry'
import type { Management } from './api.ts'
import type { CallContext } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries, required } from './lookup.ts'

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

/** The version that is meant: an alias stands for the one it leads to. */
async function find(deps: OperationDeps, { principal }: CallContext, input: Named) {
  const scope = scopeOf(deps, principal)
  const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
  return resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
}

function describe(record: FunctionRecord, version: string) {
  const settings = qualifiedOf(record, 'runtimeManagement', version)
  return {
    UpdateRuntimeOn: settings?.updateOn ?? 'Auto',
    FunctionArn: `${record.functionArn}:${version}`,
    ...(settings?.updateOn === 'Manual' && { RuntimeVersionArn: settings.runtimeVersionArn }),
  } as const
}

export const getRuntimeManagementConfig =
  (deps: OperationDeps): Management['GetRuntimeManagementConfig'] =>
  async (context, input) => {
    const found = await find(deps, context, input)
    return found.ok ? ok(describe(found.value.record, found.value.version.version)) : found
  }

export const putRuntimeManagementConfig =
  (deps: OperationDeps): Management['PutRuntimeManagementConfig'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const found = await find(deps, context, input)
    if (!found.ok) return found
    const { version, record } = found.value
    const changed = await changeFunction(
      deps,
      scope,
      record.functionName,
      (now) => {
        const there = required(now, arnOf(scope, record.functionName))
        return there.ok ? manageRuntime(there.value, version, input, deps.offer()) : there
      },
      mergeTries,
    )
    return changed.ok ? ok(describe(changed.value, version.version)) : changed
  }
