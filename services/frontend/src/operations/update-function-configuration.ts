import { randomUUID } from 'node:crypto'
import { ok } from '@weft/contracts'
import { describeUpdated, updateFunctionConfiguration as update } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { findLayers } from './find-layers.ts'
import { changeFunction } from './lookup.ts'

export const updateFunctionConfiguration =
  (deps: OperationDeps): Management['UpdateFunctionConfiguration'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const layers = await findLayers(deps, scope, principal, input.Layers)
    if (!layers.ok) return layers
    const changed = await changeFunction(deps, scope, input.FunctionName, (record) =>
      update(record, input, layers.value.layers, scope, deps.offer(), stamp),
    )
    return changed.ok ? ok(describeUpdated(changed.value)) : changed
  }
