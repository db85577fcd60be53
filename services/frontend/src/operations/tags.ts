import { type AwsError, type EventSourceMapping, err, ok, type Result } from '@weft/contracts'
import {
  addTags,
  checkIsolationTag,
  conflict,
  functionNotFound,
  invalidParameter,
  nameFunction,
  noCodeSigningConfig,
  notFound,
  notServed,
  removeTags,
  type Scope,
} from '@weft/registry'
import type { Management } from './api.ts'
import { readCodeSigning } from './code-signing.ts'
import { changeCodeSigning } from './code-signing-configs.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries, required } from './lookup.ts'

type Tags = Readonly<Record<string, string>>
type Rule = (tags: Tags) => Result<Tags, AwsError>

/** What can have tags. */
interface Taggable {
  read(): Promise<Result<Tags, AwsError>>
  change(rule: Rule): Promise<Result<unknown, AwsError>>
}

/** The resource of an ARN: a whole function, a code signing config or an event source mapping. */
function taggable(deps: OperationDeps, scope: Scope, arn: string): Result<Taggable, AwsError> {
  if (arn.includes(':code-signing-config:')) return ok(taggableConfig(deps, scope, arn))
  if (arn.includes(':event-source-mapping:')) return taggableMapping(deps, scope, arn)
  if (!arn.includes(':function:'))
    return notServed('Tagging anything but functions, code signing configs and event source mappings')
  const named = nameFunction(scope, arn)
  if (!named.ok) return named
  if (named.value.qualifier !== undefined)
    return invalidParameter('Tags on function aliases and versions are not supported. Please specify a function ARN.')
  return ok(taggableFunction(deps, scope, arn))
}

const taggableFunction = (deps: OperationDeps, scope: Scope, arn: string): Taggable => ({
  async read() {
    const named = nameFunction(scope, arn)
    if (!named.ok) return named
    const catalogue = await catalogueWith(deps, scope, arn)
    const record = catalogue.function(scope.accountId, named.value.functionName)
    return record ? ok(record.tags) : functionNotFound(arn)
  },
  change: (rule) =>
    changeFunction(
      deps,
      scope,
      arn,
      (record) => {
        const found = required(record, arn)
        if (!found.ok) return found
        const tags = rule(found.value.tags)
        if (!tags.ok) return tags
        return checkIsolationTag(tags.value, deps.offer()) ?? ok({ ...found.value, tags: tags.value })
      },
      mergeTries,
    ),
})

const taggableConfig = (deps: OperationDeps, scope: Scope, arn: string): Taggable => ({
  async read() {
    const config = await readCodeSigning(deps, scope, arn)
    return config ? ok(config.tags) : noCodeSigningConfig(arn)
  },
  change: (rule) =>
    changeCodeSigning(deps, scope, arn, (config) => {
      const tags = rule(config.tags)
      return tags.ok ? ok({ ...config, tags: tags.value }) : tags
    }),
})

function taggableMapping({ stores }: OperationDeps, scope: Scope, arn: string): Result<Taggable, AwsError> {
  const uuid = arn.slice(arn.lastIndexOf(':') + 1)
  const missing = notFound('The resource you requested does not exist.')
  const own = `arn:aws:lambda:${scope.region}:${scope.accountId}:event-source-mapping:${uuid}`
  if (arn !== own || !/^[0-9a-f-]{36}$/.test(uuid)) return missing
  const key = `${scope.accountId}.${uuid}`
  const tagsOf = (mapping: EventSourceMapping): Tags => mapping.tags ?? {}
  return ok({
    async read() {
      const stored = await stores.mappings.read(key)
      return stored ? ok(tagsOf(stored.value)) : missing
    },
    async change(rule) {
      // The poller writes its states into the same records, so a lost race is tried again.
      for (let left = mergeTries; left > 0; left--) {
        const stored = await stores.mappings.read(key)
        if (!stored) return missing
        const tags = rule(tagsOf(stored.value))
        if (!tags.ok) return tags
        if ((await stores.mappings.replace(key, { ...stored.value, tags: tags.value }, stored.revision)).ok) return tags
      }
      return conflict('Cannot update the event source mapping because it is being updated.')
    },
  })
}

async function changeTags(
  deps: OperationDeps,
  scope: Scope,
  arn: string,
  rule: Rule,
): Promise<Result<object, AwsError>> {
  const resource = taggable(deps, scope, arn)
  if (!resource.ok) return resource
  const changed = await resource.value.change(rule)
  return changed.ok ? ok({}) : err(changed.error)
}

export const tagResource =
  (deps: OperationDeps): Management['TagResource'] =>
  async ({ principal }, input) => {
    if (Object.keys(input.Tags).length === 0)
      return invalidParameter('An error occurred and the request cannot be processed.')
    return changeTags(deps, scopeOf(deps, principal), input.Resource, (tags) => addTags(tags, input.Tags))
  }

export const untagResource =
  (deps: OperationDeps): Management['UntagResource'] =>
  ({ principal }, input) =>
    changeTags(deps, scopeOf(deps, principal), input.Resource, (tags) => ok(removeTags(tags, input.TagKeys)))

export const listTags =
  (deps: OperationDeps): Management['ListTags'] =>
  async ({ principal }, input) => {
    const resource = taggable(deps, scopeOf(deps, principal), input.Resource)
    if (!resource.ok) return resource
    const tags = await resource.value.read()
    return tags.ok ? ok({ Tags: tags.value }) : tags
  }
