import { randomUUID } from 'node:crypto'
import { type FunctionRecord, ok } from '@weft/contracts'
import {
  arnOf,
  describeFunction,
  describeUpdated,
  functionNotFound,
  nameFunction,
  type Publication,
  publish,
  staleRevision,
  updateFunctionCode as update,
  updateInProgress,
} from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { findCode } from './find-code.ts'
import { changeFunction, functionKey } from './lookup.ts'
import { publishLatest, storeVersion } from './publish-version.ts'
import { snapStartStanding } from './snap-start.ts'

export const updateFunctionCode =
  (deps: OperationDeps): Management['UpdateFunctionCode'] =>
  async ({ principal, signal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const stored = await deps.stores.functions.read(functionKey(scope, named.value.functionName))
    if (!stored) return functionNotFound(arnOf(scope, named.value.functionName))
    const { codeSigningArn: signingArn, latest: before } = stored.value
    const code = await findCode(deps, scope, input, {
      packageType: before.packageType,
      architecture: input.Architectures?.[0] ?? before.architecture,
      signingArn,
      verb: 'updating',
      current: before.code,
      signal,
    })
    if (!code.ok) return code
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    let pending = undefined as Publication | undefined
    const change = (record: FunctionRecord | undefined) => {
      if (record && record.codeSigningArn !== signingArn) return updateInProgress(record.functionArn)
      const updated = update(record, input, { code: code.value.code }, scope, deps.offer(), stamp)
      if (!updated.ok || !updated.value.imageImport || !input.Publish) return updated
      // Nothing else can be published until the image is there, so its version takes its number with it.
      pending = publish(updated.value, undefined, { ...stamp, revisionId: randomUUID() })
      return ok(pending.record)
    }
    const planned = change(stored.value)
    if (!planned.ok) return planned
    if (input.DryRun) return ok(describeFunction(planned.value, planned.value.latest))
    await code.value.keep()
    const changed = await changeFunction(deps, scope, input.FunctionName, change)
    if (!changed.ok) return changed
    if (pending) {
      const version = await storeVersion(deps, scope, pending)
      return version.ok ? ok(describeFunction(changed.value, version.value, version.value.version)) : version
    }
    if (!input.Publish) return ok(describeUpdated(changed.value))
    // Exactly what this request stored: another's update in between must not be published in its place.
    const { functionName, latest } = changed.value
    const published = await publishLatest(deps, scope, { FunctionName: functionName, RevisionId: latest.revisionId })
    if (published.ok) {
      const { record, version } = published.value
      return ok(describeFunction(record, snapStartStanding(deps, record, version), version.version))
    }
    return published.error === staleRevision ? updateInProgress(changed.value.functionArn) : published
  }
