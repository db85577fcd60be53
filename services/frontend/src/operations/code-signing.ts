import {
  type AwsError,
  type CodeLocation,
  type CodeSigningConfig,
  codeSigningKey,
  err,
  ok,
  type Result,
} from '@weft/contracts'
import { brokenSignature, codeSigningIdOf, missingCodeSigningConfig, type Scope, verifyPackage } from '@weft/registry'
import type { OperationDeps } from './deps.ts'
import type { FoundLayers } from './find-layers.ts'
import type { Package } from './read-package.ts'

type Deps = Pick<OperationDeps, 'codeSigning' | 'clock' | 'log'>

/** A config of the account; one that was made a moment ago through another frontend is found in the store. */
export async function readCodeSigning(
  { codeSigning }: Pick<Deps, 'codeSigning'>,
  scope: Scope,
  arn: string,
): Promise<CodeSigningConfig | undefined> {
  const id = codeSigningIdOf(scope, arn)
  if (id === undefined) return undefined
  const key = codeSigningKey(scope.accountId, id)
  return codeSigning.get(key) ?? (await codeSigning.store.read(key))?.value
}

/** The config that watches over a function; one that is gone lets nothing in. Errors: CodeSigningConfigNotFound. */
async function watching(
  deps: Deps,
  scope: Scope,
  arn: string | undefined,
): Promise<Result<CodeSigningConfig | undefined, AwsError>> {
  if (!arn) return ok(undefined)
  const config = await readCodeSigning(deps, scope, arn)
  return config ? ok(config) : missingCodeSigningConfig(arn)
}

/**
 * A package as the config of a function lets it in. Errors: CodeSigningConfigNotFound, InvalidCodeSignature,
 * CodeVerificationFailed.
 */
export async function admitPackage(
  deps: Deps,
  scope: Scope,
  configArn: string | undefined,
  given: Package,
): Promise<Result<CodeLocation, AwsError>> {
  const config = await watching(deps, scope, configArn)
  if (!config.ok) return config
  if (!config.value) return ok(given.code)
  if (given.brokenSignature) return err(brokenSignature)
  return verify(deps, config.value, given.code, `package ${given.code.digest}`)
}

/** Whether the config of a function lets layers in. Errors: CodeSigningConfigNotFound, CodeVerificationFailed. */
export async function admitLayers(
  deps: Deps,
  scope: Scope,
  configArn: string | undefined,
  { versions }: FoundLayers,
): Promise<AwsError | undefined> {
  const config = await watching(deps, scope, configArn)
  if (!config.ok) return config.error
  for (const { code, layerName, version } of versions) {
    const verified = config.value && verify(deps, config.value, code, `layer ${layerName}:${version}`)
    if (verified && !verified.ok) return verified.error
  }
  return undefined
}

function verify(deps: Deps, config: CodeSigningConfig, code: CodeLocation, what: string) {
  const verified = verifyPackage(config, code, deps.clock.now())
  if (!verified.ok) return verified
  if (verified.value.untrusted) deps.log.warn({ config: config.id, what }, 'code that is not trusted was let in')
  return ok(verified.value.code)
}
