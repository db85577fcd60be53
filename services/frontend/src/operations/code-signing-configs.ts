import { randomBytes } from 'node:crypto'
import { type AwsError, type CodeSigningConfig, codeSigningArn, codeSigningKey, ok, type Result } from '@weft/contracts'
import {
  checkUnused,
  codeSigningIdOf,
  conflict,
  createCodeSigningConfig as create,
  describeCodeSigning,
  noCodeSigningConfig,
  type Scope,
  updateCodeSigningConfig as update,
} from '@weft/registry'
import type { Management } from './api.ts'
import { readCodeSigning } from './code-signing.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { mergeTries } from './lookup.ts'

/** API reference of ListCodeSigningConfigs and ListFunctionsByCodeSigningConfig; what a page holds at most is ours. */
const mostPerPage = 50

const describe = (deps: OperationDeps, config: CodeSigningConfig) => ({
  CodeSigningConfig: describeCodeSigning(deps.region, config),
})

export const createCodeSigningConfig =
  (deps: OperationDeps): Management['CreateCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const id = `csc-${randomBytes(9).toString('hex').slice(0, 17)}`
    const made = create(input, scopeOf(deps, principal), { id, nowMs: deps.clock.now() })
    if (!made.ok) return made
    const created = await deps.codeSigning.store.create(codeSigningKey(principal.accountId, id), made.value)
    if (!created.ok) throw new Error(`${id} was there before`)
    return ok(describe(deps, made.value))
  }

export const getCodeSigningConfig =
  (deps: OperationDeps): Management['GetCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const config = await readCodeSigning(deps, scopeOf(deps, principal), input.CodeSigningConfigArn)
    return config ? ok(describe(deps, config)) : noCodeSigningConfig(input.CodeSigningConfigArn)
  }

/** Reads a config, lets a rule change it and stores the result by compare-and-set; a rule that gives none removes it. */
export async function changeCodeSigning(
  deps: OperationDeps,
  scope: Scope,
  arn: string,
  rule: (config: CodeSigningConfig) => Result<CodeSigningConfig | undefined, AwsError>,
): Promise<Result<CodeSigningConfig | undefined, AwsError>> {
  const id = codeSigningIdOf(scope, arn)
  if (id === undefined) return noCodeSigningConfig(arn)
  const { store } = deps.codeSigning
  const key = codeSigningKey(scope.accountId, id)
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    if (!stored) return noCodeSigningConfig(arn)
    const changed = rule(stored.value)
    if (!changed.ok) return changed
    const { value } = changed
    const done = value ? await store.replace(key, value, stored.revision) : await store.remove(key, stored.revision)
    if (done.ok) return changed
  }
  return conflict('The operation cannot be performed at this time. The code signing configuration is being changed.')
}

export const updateCodeSigningConfig =
  (deps: OperationDeps): Management['UpdateCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const changed = await changeCodeSigning(deps, scope, input.CodeSigningConfigArn, (config) =>
      update(config, input, deps.clock.now()),
    )
    if (!changed.ok) return changed
    return changed.value ? ok(describe(deps, changed.value)) : noCodeSigningConfig(input.CodeSigningConfigArn)
  }

export const deleteCodeSigningConfig =
  (deps: OperationDeps): Management['DeleteCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const arn = input.CodeSigningConfigArn
    const changed = await changeCodeSigning(
      deps,
      scopeOf(deps, principal),
      arn,
      () => checkUnused(arn, deps.catalogue.functions(principal.accountId)) ?? ok(undefined),
    )
    return changed.ok ? ok({}) : changed
  }

export const listCodeSigningConfigs =
  (deps: OperationDeps): Management['ListCodeSigningConfigs'] =>
  async ({ principal }, input) => {
    const configs = deps.codeSigning.list(`${principal.accountId}.`)
    const page = deps.markers.page(principal.accountId, 'code-signing-configs', configs, (config) => config.id, {
      marker: input.Marker,
      maxItems: input.MaxItems,
      most: mostPerPage,
    })
    if (!page.ok) return page
    return ok({
      CodeSigningConfigs: page.value.items.map((config) => describeCodeSigning(deps.region, config)),
      NextMarker: page.value.nextMarker,
    })
  }

export const listFunctionsByCodeSigningConfig =
  (deps: OperationDeps): Management['ListFunctionsByCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const config = await readCodeSigning(deps, scopeOf(deps, principal), input.CodeSigningConfigArn)
    if (!config) return noCodeSigningConfig(input.CodeSigningConfigArn)
    const arn = codeSigningArn(deps.region, config.accountId, config.id)
    const users = deps.catalogue.functions(principal.accountId).filter((one) => one.codeSigningArn === arn)
    const page = deps.markers.page(
      principal.accountId,
      `functions of ${config.id}`,
      users,
      (record) => record.functionName,
      { marker: input.Marker, maxItems: input.MaxItems, most: mostPerPage },
    )
    if (!page.ok) return page
    return ok({
      FunctionArns: page.value.items.map((record) => record.functionArn),
      NextMarker: page.value.nextMarker,
    })
  }
