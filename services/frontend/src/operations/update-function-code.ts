import { randomUUID } from 'node:crypto'
import { type FunctionRecord, ok } from '@weft/contracts'
import { describeFunction, describeUpdated, nameFunction, updateFunctionCode as update } from '@weft/registry'
import type { Management } from './api.ts'
import { locate } from './create-function.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { changeFunction, functionKey } from './lookup.ts'
import { readPackage } from './read-package.ts'

export const updateFunctionCode =
  (deps: OperationDeps): Management['UpdateFunctionCode'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const zip = await readPackage(deps, scope, input)
    if (!zip.ok) return zip
    const code = locate(zip.value)
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const change = (record: FunctionRecord | undefined) => update(record, input, code, scope, deps.offer(), stamp)
    const stored = await deps.stores.functions.read(functionKey(scope, named.value.functionName))
    const planned = change(stored?.value)
    if (!planned.ok) return planned
    if (input.DryRun) return ok(describeFunction(planned.value, planned.value.latest))
    await deps.code.put(zip.value)
    const changed = await changeFunction(deps, scope, input.FunctionName, change)
    return changed.ok ? ok(describeUpdated(changed.value)) : changed
  }
