import { type FunctionRecord, ok } from '@weft/contracts'
import { arnOf, missingCodeSigningConfig, noSigningOfImages, type Scope } from '@weft/registry'
import type { Management } from './api.ts'
import { readCodeSigning } from './code-signing.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { changeFunction, findFunction, mergeTries, required } from './lookup.ts'

/** Puts a config on a function, or takes it away. Packages that run already are not looked at again, as on AWS. */
const write = (deps: OperationDeps, scope: Scope, name: string, configArn: string | undefined) =>
  changeFunction(
    deps,
    scope,
    name,
    (record) => {
      const found = required(record, arnOf(scope, name))
      if (!found.ok) return found
      if (found.value.latest.packageType === 'Image') return noSigningOfImages
      const { codeSigningArn: _replaced, ...rest }: FunctionRecord = found.value
      return ok({ ...rest, ...(configArn !== undefined && { codeSigningArn: configArn }) })
    },
    mergeTries,
  )

export const putFunctionCodeSigningConfig =
  (deps: OperationDeps): Management['PutFunctionCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const arn = input.CodeSigningConfigArn
    if (!(await readCodeSigning(deps, scope, arn))) return missingCodeSigningConfig(arn)
    const changed = await write(deps, scope, input.FunctionName, arn)
    return changed.ok ? ok({ CodeSigningConfigArn: arn, FunctionName: changed.value.functionName }) : changed
  }

export const getFunctionCodeSigningConfig =
  (deps: OperationDeps): Management['GetFunctionCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const scope = scopeOf(deps, principal)
    const found = await findFunction(deps, scope, input.FunctionName)
    if (!found.ok) return found
    const { codeSigningArn, functionName, latest } = found.value
    if (latest.packageType === 'Image') return noSigningOfImages
    // A function without one answers with nothing, as recorded from AWS, though the model calls both members required.
    return ok(
      (codeSigningArn === undefined ? {} : { CodeSigningConfigArn: codeSigningArn, FunctionName: functionName }) as {
        CodeSigningConfigArn: string
        FunctionName: string
      },
    )
  }

export const deleteFunctionCodeSigningConfig =
  (deps: OperationDeps): Management['DeleteFunctionCodeSigningConfig'] =>
  async ({ principal }, input) => {
    const changed = await write(deps, scopeOf(deps, principal), input.FunctionName, undefined)
    return changed.ok ? ok({}) : changed
  }
