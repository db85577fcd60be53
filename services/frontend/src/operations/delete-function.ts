import { type AwsError, catalogueKeys, type FunctionName, type FunctionRecord, ok, type Result } from '@weft/contracts'
import {
  catalogueKeyText,
  nameFunction,
  deleteFunction as remove,
  type Scope,
  type Stored,
  updateInProgress,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { forgetQualifier } from './forget-qualifier.ts'
import { functionKey, mergeTries } from './lookup.ts'

/** Removals under way at a time. */
const removalsAtOnce = 32

export const deleteFunction =
  (deps: OperationDeps): Management['DeleteFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName, input.Qualifier)
    if (!named.ok) return named
    const { functionName } = named.value
    const stored = await deps.stores.functions.read(functionKey(scope, functionName))
    const deletion = remove(deps.catalogue, stored?.value, scope, input.FunctionName, input.Qualifier)
    if (!deletion.ok) return deletion
    if (!stored) return ok({})
    const record = stored.value
    if (deletion.value.kind === 'version') {
      const { version } = deletion.value
      const key = catalogueKeys.version(scope.accountId, functionName, version)
      await removeKey(deps.stores.versions, key, record.functionId)
      return forgetQualifier(deps, scope, record, version)
    }
    const removed = await removeFunction(deps, scope, stored)
    return removed.ok ? ok({}) : removed
  }

async function removeFunction(
  deps: OperationDeps,
  scope: Scope,
  { value: record, revision }: Stored<FunctionRecord>,
): Promise<Result<void, AwsError>> {
  const { functionName, lastVersion } = record
  // First the numbers are kept for the next function of this name, then the function goes, then what belonged to it:
  // without its function nothing of it is seen, so a crash in between is no harm.
  if (lastVersion !== undefined) await keepNumbering(deps, scope, functionName, lastVersion)
  const removed = await deps.stores.functions.remove(functionKey(scope, functionName), revision)
  if (!removed.ok) return updateInProgress(record.functionArn)
  const left = [...deps.catalogue.leftovers(scope.accountId, functionName)]
  const removeNext = async (): Promise<void> => {
    for (let one = left.pop(); one; one = left.pop()) {
      const { key, functionId } = one
      await removeKey(deps.stores[key.kind === 'alias' ? 'aliases' : 'versions'], catalogueKeyText(key), functionId)
    }
  }
  try {
    await Promise.all(Array.from({ length: removalsAtOnce }, removeNext))
  } catch (error) {
    // The function is gone, which is what was asked for; the rest goes with the next one of this name.
    deps.log.warn({ err: error, function: record.functionArn }, 'versions of a deleted function were left behind')
  }
  return ok(undefined)
}

async function keepNumbering(deps: OperationDeps, scope: Scope, name: FunctionName, lastVersion: number) {
  const key = catalogueKeys.numbering(scope.accountId, name)
  const { numberings } = deps.stores
  for (let left = mergeTries; left > 0; left--) {
    const stored = await numberings.read(key)
    if (stored && stored.value.lastVersion >= lastVersion) return
    const value = { lastVersion }
    const written = stored ? await numberings.replace(key, value, stored.revision) : await numberings.create(key, value)
    if (written.ok) return
  }
  throw new Error(`the version numbers of ${name} could not be kept`)
}

interface Removable {
  read(key: string): Promise<Stored<{ readonly functionId?: string }> | undefined>
  remove(key: string, revision: number): Promise<Result<void, 'conflict'>>
}

/** An alias may be changed in between, and a new function of the same name have made its own: that one stays. */
async function removeKey(store: Removable, key: string, functionId: string | undefined): Promise<void> {
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    if (!stored || stored.value.functionId !== functionId) return
    if ((await store.remove(key, stored.revision)).ok) return
  }
  throw new Error(`${key} could not be removed`)
}
