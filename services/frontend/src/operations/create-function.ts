import { createHash, randomUUID } from 'node:crypto'
import { type CodeLocation, ok } from '@weft/contracts'
import { createFunction as create, describeCreated, functionExists, nameNewFunction } from '@weft/registry'
import type { Management } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { functionKey } from './lookup.ts'
import { readPackage } from './read-package.ts'

/** Where a package will lie, before it lies there. */
export function locate(zip: Uint8Array): CodeLocation {
  const hash = createHash('sha256').update(zip).digest()
  return { digest: hash.toString('hex'), sha256: hash.toString('base64'), sizeBytes: zip.byteLength }
}

export const createFunction =
  (deps: OperationDeps): Management['CreateFunction'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const name = nameNewFunction(scope, input.FunctionName)
    if (!name.ok) return name
    const key = functionKey(scope, name.value)
    const zip = await readPackage(deps, scope, input.Code)
    if (!zip.ok) return zip
    const existing = (await deps.stores.functions.read(key))?.value
    const stamp = { nowMs: deps.clock.now(), revisionId: randomUUID() }
    const record = create(existing, input, locate(zip.value), scope, deps.offer(), stamp)
    if (!record.ok) return record
    // The code is kept before the record that names it: a crash in between leaves a package that nothing names.
    await deps.code.put(zip.value)
    const created = await deps.stores.functions.create(key, record.value)
    return created.ok ? ok(describeCreated(record.value)) : functionExists(name.value)
  }
