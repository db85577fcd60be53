import { randomUUID } from 'node:crypto'
import {
  type AwsError,
  catalogueKeys,
  type FunctionRecord,
  type FunctionVersion,
  ok,
  type Result,
} from '@weft/contracts'
import {
  arnOf,
  checkPublish,
  describeFunction,
  functionNotFound,
  isPublished,
  nameFunction,
  type Publication,
  type PublishVersionInput,
  publish,
  type Scope,
  updateInProgress,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { functionKey, mergeTries } from './lookup.ts'
import { snapStartStanding } from './snap-start.ts'

export interface Published {
  readonly record: FunctionRecord
  readonly version: FunctionVersion
}

type Stores = Pick<OperationDeps, 'stores' | 'clock'>

/** Publishes `$LATEST`, or gives the last version when it was made of the same code and settings. */
export async function publishLatest(
  deps: Stores,
  scope: Scope,
  input: PublishVersionInput,
): Promise<Result<Published, AwsError>> {
  const named = nameFunction(scope, input.FunctionName)
  if (!named.ok) return named
  const { functionName } = named.value
  const key = functionKey(scope, functionName)
  for (let left = mergeTries; left > 0; left--) {
    const stored = await deps.stores.functions.read(key)
    const checked = checkPublish(stored?.value, input, scope)
    if (!checked.ok) return checked
    const record = checked.value
    if (record.lastVersion !== undefined && isPublished(record)) {
      const lastKey = catalogueKeys.version(scope.accountId, functionName, String(record.lastVersion))
      const last = await deps.stores.versions.read(lastKey)
      // It may have been deleted; then the same is published again under a new number.
      if (last && last.value.functionId === record.functionId) return ok({ record, version: last.value.version })
    }
    const next = publish(record, input.Description, { nowMs: deps.clock.now(), revisionId: randomUUID() })
    const numbered = await deps.stores.functions.replace(key, next.record, stored?.revision ?? 0)
    if (!numbered.ok) continue
    const version = await storeVersion(deps, scope, next)
    return version.ok ? ok({ record: next.record, version: version.value }) : version
  }
  return updateInProgress(arnOf(scope, functionName))
}

/**
 * Stores a version whose number its function's record has taken already: a crash in between costs a number, and none is
 * given twice. A function that was deleted meanwhile takes the version with it.
 */
export async function storeVersion(
  deps: Pick<Stores, 'stores'>,
  scope: Scope,
  { record, published }: Publication,
): Promise<Result<FunctionVersion, AwsError>> {
  const { version } = published
  const key = catalogueKeys.version(record.accountId, record.functionName, version.version)
  const created = await deps.stores.versions.create(key, published)
  if (!created.ok) {
    // Whoever brought the image that the version waits for may have been faster.
    const there = await deps.stores.versions.read(key)
    if (there?.value.version.revisionId === version.revisionId) return ok(version)
    throw new Error(`version ${version.version} of ${record.functionArn} was there before`)
  }
  const now = await deps.stores.functions.read(functionKey(scope, record.functionName))
  if (now && now.value.functionId === record.functionId) return ok(version)
  await deps.stores.versions.remove(key, created.value.revision)
  return functionNotFound(record.functionArn)
}

export const publishVersion =
  (deps: OperationDeps): Management['PublishVersion'] =>
  async ({ principal }, input) => {
    const published = await publishLatest(deps, scopeOf(deps, principal), input)
    if (!published.ok) return published
    const { record, version } = published.value
    return ok(describeFunction(record, snapStartStanding(deps, record, version), version.version))
  }
