import { ok } from '@weft/contracts'
import { nameFunction, deleteFunction as remove, updateInProgress } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { functionKey } from './lookup.ts'

export const deleteFunction =
  (deps: OperationDeps): Management['DeleteFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName, input.Qualifier)
    if (!named.ok) return named
    const key = functionKey(scope, named.value.functionName)
    const stored = await deps.stores.functions.read(key)
    const allowed = remove(stored?.value, scope, input.FunctionName, input.Qualifier)
    if (!allowed.ok) return allowed
    const removed = await deps.stores.functions.remove(key, stored?.revision ?? 0)
    return removed.ok ? ok({}) : updateInProgress(allowed.value.functionArn)
  }
