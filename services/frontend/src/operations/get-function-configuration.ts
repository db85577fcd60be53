import { ok } from '@weft/contracts'
import { resolveFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { describeCurrent } from './describe-current.ts'
import { catalogueWith } from './lookup.ts'

export const getFunctionConfiguration =
  (deps: OperationDeps): Management['GetFunctionConfiguration'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
    const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
    if (!found.ok) return found
    return ok(describeCurrent(deps, found.value))
  }
