import { limits, ok } from '@weft/contracts'
import { unreservedConcurrency } from '@weft/registry'
import type { Management } from './api.ts'
import { codeStorageLimitOf, storedCodeBytes } from './code-storage.ts'
import { concurrencyLimitOf } from './concurrency.ts'
import type { OperationDeps } from './deps.ts'

export const getAccountSettings =
  (deps: OperationDeps): Management['GetAccountSettings'] =>
  async ({ principal }) => {
    const functions = deps.catalogue.functions(principal.accountId)
    const limit = concurrencyLimitOf(deps, principal.accountId)
    return ok({
      AccountLimit: {
        TotalCodeSize: codeStorageLimitOf(deps, principal.accountId),
        CodeSizeUnzipped: limits.unzippedBytes,
        CodeSizeZipped: limits.zipBytes,
        ConcurrentExecutions: limit,
        UnreservedConcurrentExecutions: unreservedConcurrency(limit, functions),
      },
      AccountUsage: {
        TotalCodeSize: storedCodeBytes(deps, principal.accountId),
        FunctionCount: functions.length,
      },
    })
  }
