import { ok } from '@weft/contracts'
import { describeFunction, resolveFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith } from './lookup.ts'

export const getFunctionConfiguration =
  (deps: OperationDeps): Management['GetFunctionConfiguration'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
    const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
    if (!found.ok) return found
    return ok(describeFunction(found.value.record, found.value.version, found.value.qualifier))
  }
