import { randomBytes } from 'node:crypto'
import { type AwsError, type FunctionRecord, type FunctionUrl, LATEST, ok, type Result } from '@weft/contracts'
import {
  createFunctionUrl,
  describeFunctionUrl,
  nameFunction,
  notFound,
  notWithTenancy,
  qualifiedOf,
  qualifiersWith,
  resolveFunction,
  type Scope,
  updateFunctionUrl,
  withQualified,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, changeFunction, mergeTries } from './lookup.ts'

/** API reference of ListFunctionUrlConfigs: 50 to a page at most. */
const mostPerPage = 50

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

/** AWS's words here, unlike everywhere else. */
const noFunction = (): Result<never, AwsError> => notFound('Function does not exist')
const noUrl = (): Result<never, AwsError> => notFound('The resource you requested does not exist.')

/** The function and the qualifier, which is there; another way to name it than the name itself is taken too. */
async function resolve(deps: OperationDeps, scope: Scope, input: Named) {
  const named = nameFunction(scope, input.FunctionName, input.Qualifier)
  if (!named.ok) return named.error.code === 'ResourceNotFoundException' ? noFunction() : named
  const { functionName, qualifier = LATEST } = named.value
  const catalogue = await catalogueWith(deps, scope, functionName, qualifier)
  const found = resolveFunction(catalogue, scope, functionName, qualifier)
  return found.ok ? ok({ record: found.value.record, qualifier }) : noFunction()
}

const describe = (deps: OperationDeps, record: FunctionRecord, qualifier: string, url: FunctionUrl) =>
  describeFunctionUrl(record, qualifier, url, deps.functionUrl(url.urlId))

/** Lets a rule make the URL of a qualifier anew, or end it. */
async function change(
  deps: OperationDeps,
  scope: Scope,
  input: Named,
  rule: (record: FunctionRecord, qualifier: string) => Result<FunctionUrl | undefined, AwsError>,
) {
  const found = await resolve(deps, scope, input)
  if (!found.ok) return found
  const { qualifier } = found.value
  const changed = await changeFunction(
    deps,
    scope,
    found.value.record.functionName,
    (record) => {
      if (!record) return noFunction()
      const url = rule(record, qualifier)
      return url.ok ? ok(withQualified(record, 'urls', qualifier, url.value)) : url
    },
    mergeTries,
  )
  return changed.ok ? ok({ record: changed.value, qualifier }) : changed
}

/** What a change or a look found. */
function answer(deps: OperationDeps, record: FunctionRecord, qualifier: string) {
  const url = qualifiedOf(record, 'urls', qualifier)
  return url ? ok(describe(deps, record, qualifier, url)) : noUrl()
}

export const createFunctionUrlConfig =
  (deps: OperationDeps): Management['CreateFunctionUrlConfig'] =>
  async ({ principal }, input) => {
    const stamp = { nowMs: deps.clock.now(), urlId: newUrlId() }
    const changed = await change(deps, scopeOf(deps, principal), input, (record, qualifier) =>
      record.tenancy ? notWithTenancy('A function URL') : createFunctionUrl(record, qualifier, input, stamp),
    )
    return changed.ok ? answer(deps, changed.value.record, changed.value.qualifier) : changed
  }

export const updateFunctionUrlConfig =
  (deps: OperationDeps): Management['UpdateFunctionUrlConfig'] =>
  async ({ principal }, input) => {
    const changed = await change(deps, scopeOf(deps, principal), input, (record, qualifier) => {
      const url = qualifiedOf(record, 'urls', qualifier)
      return url ? updateFunctionUrl(url, input, deps.clock.now()) : noUrl()
    })
    return changed.ok ? answer(deps, changed.value.record, changed.value.qualifier) : changed
  }

export const getFunctionUrlConfig =
  (deps: OperationDeps): Management['GetFunctionUrlConfig'] =>
  async ({ principal }, input) => {
    const found = await resolve(deps, scopeOf(deps, principal), input)
    return found.ok ? answer(deps, found.value.record, found.value.qualifier) : noUrl()
  }

export const deleteFunctionUrlConfig =
  (deps: OperationDeps): Management['DeleteFunctionUrlConfig'] =>
  async ({ principal }, input) => {
    const changed = await change(deps, scopeOf(deps, principal), input, (record, qualifier) =>
      qualifiedOf(record, 'urls', qualifier) ? ok(undefined) : noUrl(),
    )
    return changed.ok ? ok({}) : changed.error.code === 'ResourceNotFoundException' ? noUrl() : changed
  }

export const listFunctionUrlConfigs =
  (deps: OperationDeps): Management['ListFunctionUrlConfigs'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await resolve(deps, scope, { FunctionName: input.FunctionName })
    if (!found.ok) return found
    const { record } = found.value
    const page = deps.markers.page(
      scope.accountId,
      `url-configs ${record.functionName}`,
      qualifiersWith(record, 'urls'),
      (qualifier) => qualifier,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      FunctionUrlConfigs: page.value.items.flatMap((qualifier) => {
        const url = qualifiedOf(record, 'urls', qualifier)
        return url ? [describe(deps, record, qualifier, url)] : []
      }),
      NextMarker: page.value.nextMarker,
    })
  }

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** 32 characters of five random bits each, fit for a host name and never given twice. */
const newUrlId = (): string => [...randomBytes(32)].map((byte) => alphabet[byte & 31]).join('')
