import { type AccountId, limits, ok } from '@weft/contracts'
import { arnOf, nameFunction, notServed, releaseConcurrency, reserveConcurrency } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries, required } from './lookup.ts'

export const concurrencyLimitOf = (deps: Pick<OperationDeps, 'catalogue'>, account: AccountId): number =>
  deps.catalogue.account(account)?.concurrencyLimit ?? limits.accountConcurrency

export const putFunctionConcurrency =
  (deps: OperationDeps): Management['PutFunctionConcurrency'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const wanted = input.ReservedConcurrentExecutions
    const changed = await changeFunction(
      deps,
      scope,
      input.FunctionName,
      (record) => {
        const found = required(record, arnOf(scope, input.FunctionName))
        if (!found.ok) return found
        const all = deps.catalogue.functions(scope.accountId)
        return reserveConcurrency(found.value, wanted, concurrencyLimitOf(deps, scope.accountId), all)
      },
      mergeTries,
    )
    return changed.ok ? ok({ ReservedConcurrentExecutions: wanted }) : changed
  }

export const getFunctionConcurrency =
  (deps: OperationDeps): Management['GetFunctionConcurrency'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    if (named.value.qualifier !== undefined) return notServed('Concurrency of a version or alias')
    const catalogue = await catalogueWith(deps, scope, input.FunctionName)
    const record = catalogue.function(scope.accountId, named.value.functionName)
    const found = required(record, arnOf(scope, named.value.functionName))
    return found.ok ? ok({ ReservedConcurrentExecutions: found.value.reservedConcurrency }) : found
  }

export const deleteFunctionConcurrency =
  (deps: OperationDeps): Management['DeleteFunctionConcurrency'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const changed = await changeFunction(
      deps,
      scope,
      input.FunctionName,
      (record) => {
        const found = required(record, arnOf(scope, input.FunctionName))
        return found.ok ? ok(releaseConcurrency(found.value)) : found
      },
      mergeTries,
    )
    return changed.ok ? ok({}) : changed
  }
