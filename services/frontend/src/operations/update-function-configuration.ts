import { randomUUID } from 'node:crypto'
import { err, ok } from '@weft/contracts'
import { describeUpdated, nameFunction, updateFunctionConfiguration as update, updateInProgress } from '@weft/registry'
import type { Management } from './api.ts'
import { admitLayers } from './code-signing.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { findLayers } from './find-layers.ts'
import { changeFunction, functionKey } from './lookup.ts'

export const updateFunctionConfiguration =
  (deps: OperationDeps): Management['UpdateFunctionConfiguration'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const layers = await findLayers(deps, scope, context, input.Layers)
    if (!layers.ok) return layers
    const named = nameFunction(scope, input.FunctionName)
    if (!named.ok) return named
    const key = functionKey(scope, named.value.functionName)
    const watched = input.Layers && (await deps.stores.functions.read(key))?.value.codeSigningArn
    const refused = await admitLayers(deps, scope, watched, layers.value)
    if (refused) return err(refused)
    const changed = await changeFunction(deps, scope, input.FunctionName, (record) =>
      record && input.Layers && record.codeSigningArn !== watched
        ? updateInProgress(record.functionArn)
        : update(record, input, layers.value.layers, scope, deps.offer(), stamp),
    )
    return changed.ok ? ok(describeUpdated(changed.value)) : changed
  }
