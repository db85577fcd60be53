import { randomUUID } from 'node:crypto'
import { type AwsError, type EventSourceMapping, ok, type Result } from '@weft/contracts'
import { compileFilters } from '@weft/delivery'
import {
  conflict,
  createMapping,
  deleteMapping,
  describeMapping,
  invalidParameter,
  type MappingRules,
  nameFunction,
  notFound,
  notWithTenancy,
  resolveFunction,
  type Scope,
  updateMapping,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith, mergeTries } from './lookup.ts'

/** API reference of ListEventSourceMappings: 100 to a page at most. */
const mostPerPage = 100

const noMapping = (): Result<never, AwsError> => notFound('The resource you requested does not exist.')

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

const mappingsOf = (deps: OperationDeps, scope: Scope): readonly EventSourceMapping[] =>
  deps.catalogue.mappings().filter((one) => one.accountId === scope.accountId)

/** Patterns are judged by the module that matches records with them later. */
const rulesIn = (scope: Scope): MappingRules => ({
  scope,
  filterProblem(patterns) {
    const compiled = compileFilters(patterns)
    return compiled.ok ? undefined : compiled.error
  },
})

/** A mapping to nothing is a wrong parameter, as recorded from AWS. */
async function resolve(deps: OperationDeps, scope: Scope, ref: string) {
  const named = nameFunction(scope, ref)
  if (!named.ok) return named
  const found = resolveFunction(await catalogueWith(deps, scope, ref), scope, ref)
  return found.ok ? found : invalidParameter('Function does not exist')
}

export const createEventSourceMapping =
  (deps: OperationDeps): Management['CreateEventSourceMapping'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const target = await resolve(deps, scope, input.FunctionName)
    if (!target.ok) return target
    if (target.value.record.tenancy) return notWithTenancy('An event source mapping')
    const stamp = { nowMs: deps.clock.now(), uuid: randomUUID() }
    const mapping = createMapping(input, target.value, mappingsOf(deps, scope), rulesIn(scope), stamp)
    if (!mapping.ok) return mapping
    const created = await deps.stores.mappings.create(`${scope.accountId}.${stamp.uuid}`, mapping.value)
    return created.ok ? ok(describeMapping(mapping.value, deps.region)) : conflict('The mapping already exists.')
  }

export const getEventSourceMapping =
  (deps: OperationDeps): Management['GetEventSourceMapping'] =>
  async ({ principal }, input) => {
    if (!isUuid(input.UUID)) return noMapping()
    const stored = await deps.stores.mappings.read(`${principal.accountId}.${input.UUID}`)
    return stored ? ok(describeMapping(stored.value, deps.region)) : noMapping()
  }

export const listEventSourceMappings =
  (deps: OperationDeps): Management['ListEventSourceMappings'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = input.FunctionName === undefined ? undefined : nameFunction(scope, input.FunctionName)
    if (named && !named.ok) return named
    const wanted = mappingsOf(deps, scope)
      .filter((one) => input.EventSourceArn === undefined || one.eventSourceArn === input.EventSourceArn)
      .filter((one) => named === undefined || one.functionName === named.value.functionName)
      .filter((one) => named?.value.qualifier === undefined || one.qualifier === named.value.qualifier)
      .sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
    const page = deps.markers.page(scope.accountId, 'mappings', wanted, (one) => one.uuid, {
      marker: input.Marker,
      maxItems: input.MaxItems,
      most: mostPerPage,
    })
    if (!page.ok) return page
    return ok({
      EventSourceMappings: page.value.items.map((one) => describeMapping(one, deps.region)),
      NextMarker: page.value.nextMarker,
    })
  }

/** The poller writes its states into the same records, so a lost race is tried again. */
async function change(
  deps: OperationDeps,
  scope: Scope,
  uuid: string,
  rule: (mapping: EventSourceMapping) => Result<EventSourceMapping, AwsError>,
): Promise<Result<EventSourceMapping, AwsError>> {
  if (!isUuid(uuid)) return noMapping()
  const key = `${scope.accountId}.${uuid}`
  for (let left = mergeTries; left > 0; left--) {
    const stored = await deps.stores.mappings.read(key)
    if (!stored) return noMapping()
    const changed = rule(stored.value)
    if (!changed.ok) return changed
    const replaced = await deps.stores.mappings.replace(key, changed.value, stored.revision)
    if (replaced.ok) return ok(replaced.value.value)
  }
  return conflict('Cannot update the event source mapping because it is being updated.')
}

export const updateEventSourceMapping =
  (deps: OperationDeps): Management['UpdateEventSourceMapping'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const target = input.FunctionName === undefined ? undefined : await resolve(deps, scope, input.FunctionName)
    if (target && !target.ok) return target
    if (target?.value.record.tenancy) return notWithTenancy('An event source mapping')
    const changed = await change(deps, scope, input.UUID, (mapping) =>
      updateMapping(mapping, input, target?.value, rulesIn(scope), deps.clock.now()),
    )
    return changed.ok ? ok(describeMapping(changed.value, deps.region)) : changed
  }

export const deleteEventSourceMapping =
  (deps: OperationDeps): Management['DeleteEventSourceMapping'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const changed = await change(deps, scope, input.UUID, (mapping) => deleteMapping(mapping, deps.clock.now()))
    return changed.ok ? ok(describeMapping(changed.value, deps.region)) : changed
  }
