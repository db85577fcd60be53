import { limits, ok } from '@weft/contracts'
import { unreservedConcurrency } from '@weft/registry'
import type { Management } from './api.ts'
import { concurrencyLimitOf } from './concurrency.ts'
import type { OperationDeps } from './deps.ts'
import { storedCodeBytes } from './lookup.ts'
import { codeStorageBytes } from './read-package.ts'

export const getAccountSettings =
  (deps: OperationDeps): Management['GetAccountSettings'] =>
  async ({ principal }) => {
    const functions = deps.catalogue.functions(principal.accountId)
    const limit = concurrencyLimitOf(deps, principal.accountId)
    return ok({
      AccountLimit: {
        TotalCodeSize: codeStorageBytes,
        CodeSizeUnzipped: limits.unzippedBytes,
        CodeSizeZipped: limits.zipBytes,
        ConcurrentExecutions: limit,
        UnreservedConcurrentExecutions: unreservedConcurrency(limit, functions),
      },
      AccountUsage: {
        TotalCodeSize: storedCodeBytes(deps.catalogue, principal.accountId),
        FunctionCount: functions.length,
      },
    })
  }
