import { ok } from '@weft/contracts'
import { arnOf } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { changeFunction, findFunction, mergeTries, required } from './lookup.ts'

export const putFunctionRecursionConfig =
  (deps: OperationDeps): Management['PutFunctionRecursionConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const changed = await changeFunction(
      deps,
      scope,
      input.FunctionName,
      (record) => {
        const found = required(record, arnOf(scope, input.FunctionName))
        return found.ok ? ok({ ...found.value, recursiveLoop: input.RecursiveLoop }) : found
      },
      mergeTries,
    )
    return changed.ok ? ok({ RecursiveLoop: changed.value.recursiveLoop }) : changed
  }

export const getFunctionRecursionConfig =
  (deps: OperationDeps): Management['GetFunctionRecursionConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await findFunction(deps, scope, input.FunctionName)
    return found.ok ? ok({ RecursiveLoop: found.value.recursiveLoop ?? 'Terminate' }) : found
  }
