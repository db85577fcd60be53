import { randomUUID } from 'node:crypto'
import { catalogueKeys, err, ok } from '@weft/contracts'
import { createFunction as create, describeCreated, functionExists, nameNewFunction, publish } from '@weft/registry'
import type { Management } from './api.ts'
import { admitLayers } from './code-signing.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { findCode } from './find-code.ts'
import { contentOf, findLayers } from './find-layers.ts'
import { functionKey } from './lookup.ts'
import { storeVersion } from './publish-version.ts'

export const createFunction =
  (deps: OperationDeps): Management['CreateFunction'] =>
  async (context, input) => {
    const scope = scopeOf(deps, context.principal)
    const name = nameNewFunction(scope, input.FunctionName)
    if (!name.ok) return name
    const key = functionKey(scope, name.value)
    const layers = await findLayers(deps, scope, context, input.Layers)
    if (!layers.ok) return layers
    const code = await findCode(deps, scope, input.Code, {
      packageType: input.PackageType ?? 'Zip',
      architecture: input.Architectures?.[0] ?? deps.offer().architectures[0] ?? 'x86_64',
      signingArn: input.CodeSigningConfigArn,
      verb: 'creating',
      signal: context.signal,
    })
    if (!code.ok) return code
    const refused = await admitLayers(deps, scope, input.CodeSigningConfigArn, layers.value)
    if (refused) return err(refused)
    const existing = (await deps.stores.functions.read(key))?.value
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const made = create(existing, input, contentOf(code.value.code, layers.value), scope, deps.offer(), stamp)
    if (!made.ok) return made
    // A deleted function of this name may have given numbers to versions.
    const numbering = await deps.stores.numberings.read(catalogueKeys.numbering(scope.accountId, name.value))
    const record = { ...made.value, ...numbering?.value }
    const first = input.Publish ? publish(record, undefined, { ...stamp, revisionId: randomUUID() }) : undefined
    // The code is kept before the record that names it: a crash in between leaves a package that nothing names.
    await code.value.keep()
    const created = await deps.stores.functions.create(key, first?.record ?? record)
    if (!created.ok) return functionExists(name.value)
    if (!first) return ok(describeCreated(record))
    const stored = await storeVersion(deps, scope, first)
    return stored.ok ? ok(describeCreated(first.record, stored.value)) : stored
  }
