import { randomUUID } from 'node:crypto'
import { type FunctionRecord, ok } from '@weft/contracts'
import {
  describeFunction,
  describeUpdated,
  nameFunction,
  staleRevision,
  updateFunctionCode as update,
  updateInProgress,
} from '@weft/registry'
import type { Management } from './api.ts'
import { admitPackage } from './code-signing.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { changeFunction, functionKey } from './lookup.ts'
import { publishLatest } from './publish-version.ts'
import { readPackage } from './read-package.ts'

export const updateFunctionCode =
  (deps: OperationDeps): Management['UpdateFunctionCode'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const given = await readPackage(deps, scope, input)
    if (!given.ok) return given
    const stored = await deps.stores.functions.read(functionKey(scope, named.value.functionName))
    const code = await admitPackage(deps, scope, stored?.value.codeSigningArn, given.value)
    if (!code.ok) return code
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const change = (record: FunctionRecord | undefined) =>
      record && record.codeSigningArn !== stored?.value.codeSigningArn
        ? updateInProgress(record.functionArn)
        : update(record, input, { code: code.value }, scope, deps.offer(), stamp)
    const planned = change(stored?.value)
    if (!planned.ok) return planned
    if (input.DryRun) return ok(describeFunction(planned.value, planned.value.latest))
    await deps.code.put(given.value.zip)
    const changed = await changeFunction(deps, scope, input.FunctionName, change)
    if (!changed.ok) return changed
    if (!input.Publish) return ok(describeUpdated(changed.value))
    // Exactly what this request stored: another's update in between must not be published in its place.
    const { functionName, latest } = changed.value
    const published = await publishLatest(deps, scope, { FunctionName: functionName, RevisionId: latest.revisionId })
    if (published.ok) {
      const { record, version } = published.value
      return ok(describeFunction(record, version, version.version))
    }
    return published.error === staleRevision ? updateInProgress(changed.value.functionArn) : published
  }
