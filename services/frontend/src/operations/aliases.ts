import { randomUUID } from 'node:crypto'
import {
  type Alias,
  type AwsError,
  catalogueKeys,
  type FunctionRecord,
  type FunctionVersion,
  ok,
  type Result,
} from '@weft/contracts'
import {
  arnOf,
  cannotFindAlias,
  checkProvisionedAlias,
  createAlias as create,
  describeAlias,
  functionNotFound,
  nameAliasOwner,
  type RoutingInput,
  type Scope,
  updateAlias as update,
  updateInProgress,
  type VersionLookup,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { forgetQualifier } from './forget-qualifier.ts'
import { functionKey, mergeTries } from './lookup.ts'

/** API reference of ListAliases: 50 to a page at most, as of the other lists. */
const mostPerPage = 50

type Stores = Pick<OperationDeps, 'stores'>

/** The function that a request about aliases names, from the store. */
async function ownerOf(deps: Stores, scope: Scope, ref: string): Promise<Result<FunctionRecord, AwsError>> {
  const named = nameAliasOwner(scope, ref)
  if (!named.ok) return named
  const { functionName } = named.value
  const stored = await deps.stores.functions.read(functionKey(scope, functionName))
  return stored ? ok(stored.value) : functionNotFound(arnOf(scope, functionName))
}

const keyOf = (record: FunctionRecord, alias: string): string =>
  catalogueKeys.alias(record.accountId, record.functionName, alias)

/** The alias as stored; one that a deleted function left behind is there to be replaced, not to be seen. */
async function readAlias(deps: Stores, record: FunctionRecord, name: string) {
  const stored = await deps.stores.aliases.read(keyOf(record, name))
  const alias = stored?.value.functionId === record.functionId ? stored?.value : undefined
  return { alias, revision: stored?.revision }
}

/** Those of the given versions that exist, from the store. */
async function readVersions(
  deps: Stores,
  record: FunctionRecord,
  numbers: readonly (string | undefined)[],
): Promise<VersionLookup> {
  const found = new Map<string, FunctionVersion>()
  for (const number of new Set(numbers)) {
    if (number === undefined || !/^\d{1,19}$/.test(number)) continue
    const key = catalogueKeys.version(record.accountId, record.functionName, number)
    const stored = await deps.stores.versions.read(key)
    if (stored && stored.value.functionId === record.functionId) found.set(number, stored.value.version)
  }
  return { version: (_account, _name, number) => found.get(number) }
}

const routed = (input: RoutingInput | undefined): readonly string[] =>
  Object.keys(input?.AdditionalVersionWeights ?? {}).slice(0, 2)

/** Reads an alias, lets a rule change it and stores the result by compare-and-set. */
async function changeAlias(
  deps: Stores,
  scope: Scope,
  ref: string,
  name: string,
  versionsOf: (alias: Alias | undefined) => readonly (string | undefined)[],
  rule: (alias: Alias | undefined, record: FunctionRecord, versions: VersionLookup) => Result<Alias, AwsError>,
) {
  for (let left = mergeTries; left > 0; left--) {
    const owner = await ownerOf(deps, scope, ref)
    if (!owner.ok) return owner
    const record = owner.value
    const { alias, revision } = await readAlias(deps, record, name)
    const changed = rule(alias, record, await readVersions(deps, record, versionsOf(alias)))
    if (!changed.ok) return changed
    const { aliases } = deps.stores
    const key = keyOf(record, name)
    const written =
      revision === undefined
        ? await aliases.create(key, changed.value)
        : await aliases.replace(key, changed.value, revision)
    if (!written.ok) continue
    // A version may have been deleted after it was looked for, and its deletion not have seen this alias.
    const targets = [changed.value.functionVersion, changed.value.additional?.version]
    const after = await readVersions(deps, record, targets)
    const gone = targets.find(
      (one) => one !== undefined && /^\d/.test(one) && !after.version(record.accountId, record.functionName, one),
    )
    if (gone === undefined) return ok(describeAlias(record, changed.value))
    if (alias) await aliases.replace(key, alias, written.value.revision)
    else await aliases.remove(key, written.value.revision)
    return functionNotFound(arnOf(scope, record.functionName, gone))
  }
  return updateInProgress(arnOf(scope, ref, name))
}

export const createAlias =
  (deps: OperationDeps): Management['CreateAlias'] =>
  ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const versions = [input.FunctionVersion, ...routed(input.RoutingConfig)]
    return changeAlias(
      deps,
      scope,
      input.FunctionName,
      input.Name,
      () => versions,
      (alias, record, lookup) => create(alias, input, record, lookup, scope, randomUUID()),
    )
  }

export const updateAlias =
  (deps: OperationDeps): Management['UpdateAlias'] =>
  ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    return changeAlias(
      deps,
      scope,
      input.FunctionName,
      input.Name,
      (alias) => [
        input.FunctionVersion ?? alias?.functionVersion,
        ...(input.RoutingConfig ? routed(input.RoutingConfig) : [alias?.additional?.version]),
      ],
      (alias, record, lookup) => {
        const changed = update(alias, input, record, lookup, scope, randomUUID())
        if (!changed.ok) return changed
        const others = deps.catalogue.aliases(record.accountId, record.functionName)
        return checkProvisionedAlias(record, changed.value, others, lookup) ?? changed
      },
    )
  }

export const getAlias =
  (deps: OperationDeps): Management['GetAlias'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const owner = await ownerOf(deps, scope, input.FunctionName)
    if (!owner.ok) return owner
    const { alias } = await readAlias(deps, owner.value, input.Name)
    if (!alias) return cannotFindAlias(arnOf(scope, owner.value.functionName, input.Name))
    return ok(describeAlias(owner.value, alias))
  }

/** An alias that does not exist is as good as deleted: 204, as on AWS. */
export const deleteAlias =
  (deps: OperationDeps): Management['DeleteAlias'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const owner = await ownerOf(deps, scope, input.FunctionName)
    if (!owner.ok) return owner
    const key = keyOf(owner.value, input.Name)
    for (let left = mergeTries; left > 0; left--) {
      const stored = await deps.stores.aliases.read(key)
      if (!stored || (await deps.stores.aliases.remove(key, stored.revision)).ok)
        return forgetQualifier(deps, scope, owner.value, input.Name)
    }
    return updateInProgress(arnOf(scope, owner.value.functionName, input.Name))
  }

export const listAliases =
  (deps: OperationDeps): Management['ListAliases'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const owner = await ownerOf(deps, scope, input.FunctionName)
    if (!owner.ok) return owner
    const { functionName } = owner.value
    const wanted = input.FunctionVersion
    const page = deps.markers.page(
      scope.accountId,
      `aliases ${functionName}`,
      deps.catalogue
        .aliases(scope.accountId, functionName)
        .filter((one) => wanted === undefined || one.functionVersion === wanted || one.additional?.version === wanted),
      (one) => one.name,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      Aliases: page.value.items.map((one) => describeAlias(owner.value, one)),
      NextMarker: page.value.nextMarker,
    })
  }
