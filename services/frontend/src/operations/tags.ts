import { type AwsError, type FunctionRecord, ok, type Result } from '@weft/contracts'
import {
  addTags,
  functionNotFound,
  invalidParameter,
  nameFunction,
  notServed,
  removeTags,
  type Scope,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries, required } from './lookup.ts'

/** Tags belong to whole functions. */
function taggable(scope: Scope, resource: string): Result<string, AwsError> {
  if (!resource.includes(':function:')) return notServed('Tagging anything but functions')
  const named = nameFunction(scope, resource)
  if (!named.ok) return named
  if (named.value.qualifier !== undefined)
    return invalidParameter('Tags on function aliases and versions are not supported. Please specify a function ARN.')
  return ok(named.value.functionName)
}

async function changeTags(
  deps: OperationDeps,
  scope: Scope,
  resource: string,
  rule: (record: FunctionRecord) => Result<FunctionRecord['tags'], AwsError>,
): Promise<Result<object, AwsError>> {
  const name = taggable(scope, resource)
  if (!name.ok) return name
  const changed = await changeFunction(
    deps,
    scope,
    resource,
    (record) => {
      const found = required(record, resource)
      if (!found.ok) return found
      const tags = rule(found.value)
      return tags.ok ? ok({ ...found.value, tags: tags.value }) : tags
    },
    mergeTries,
  )
  return changed.ok ? ok({}) : changed
}

export const tagResource =
  (deps: OperationDeps): Management['TagResource'] =>
  ({ principal }, input) =>
    changeTags(deps, scopeOf(deps, principal), input.Resource, (record) => addTags(record.tags, input.Tags))

export const untagResource =
  (deps: OperationDeps): Management['UntagResource'] =>
  ({ principal }, input) =>
    changeTags(deps, scopeOf(deps, principal), input.Resource, (record) => ok(removeTags(record.tags, input.TagKeys)))

export const listTags =
  (deps: OperationDeps): Management['ListTags'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const name = taggable(scope, input.Resource)
    if (!name.ok) return name
    const named = nameFunction(scope, input.Resource)
    if (!named.ok) return named
    const catalogue = await catalogueWith(deps, scope, input.Resource)
    const record = catalogue.function(scope.accountId, named.value.functionName)
    return record ? ok({ Tags: record.tags }) : functionNotFound(input.Resource)
  }
