import { LATEST, ok } from '@weft/contracts'
import { invalidParameter, notServed, resolveFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { catalogueWith } from './lookup.ts'

interface Named {
  readonly FunctionName: string
  readonly Qualifier?: string | undefined
}

/** The one way in which runtimes are updated here: with the workers, for all functions at once. */
async function automatic(deps: OperationDeps, accountId: Parameters<typeof scopeOf>[1], input: Named) {
  const scope = scopeOf(deps, accountId)
  const catalogue = await catalogueWith(deps, scope, input.FunctionName, input.Qualifier)
  const found = resolveFunction(catalogue, scope, input.FunctionName, input.Qualifier)
  if (!found.ok) return found
  const { record, qualifier = LATEST } = found.value
  return ok({ UpdateRuntimeOn: 'Auto', FunctionArn: `${record.functionArn}:${qualifier}` } as const)
}

export const getRuntimeManagementConfig =
  (deps: OperationDeps): Management['GetRuntimeManagementConfig'] =>
  ({ principal }, input) =>
    automatic(deps, principal, input)

/** A worker has one version of each runtime, so a function cannot be held back: other ways than Auto are refused by name. */
export const putRuntimeManagementConfig =
  (deps: OperationDeps): Management['PutRuntimeManagementConfig'] =>
  async ({ principal }, input) => {
    const answer = await automatic(deps, principal, input)
    if (!answer.ok) return answer
    if (input.UpdateRuntimeOn !== 'Auto') return notServed(`UpdateRuntimeOn ${input.UpdateRuntimeOn}`)
    if (input.RuntimeVersionArn !== undefined)
      return invalidParameter('RuntimeVersionArn can only be specified when UpdateRuntimeOn is Manual.')
    return answer
  }
