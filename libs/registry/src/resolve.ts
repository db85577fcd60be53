import { type AccountId, err, type FunctionName, LATEST, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import type { Catalogue } from './ports.ts'

/**
 * The version that a function reference means right now. The error is the ARN that names nothing, with the qualifier as
 * written, as AWS shows it in "Function not found: …".
 */
export function resolveFunction(
  catalogue: Pick<Catalogue, 'function'>,
  region: string,
  account: AccountId,
  name: FunctionName,
  qualifier?: string,
): Result<ResolvedFunction, string> {
  const record = catalogue.function(account, name)
  const arn = record?.functionArn ?? `arn:aws:lambda:${region}:${account}:function:${name}`
  if (!record) return err(`${arn}:${qualifier ?? LATEST}`)
  // The catalogue keeps no versions and aliases, so $LATEST is the only one there is.
  if (qualifier !== undefined && qualifier !== LATEST) return err(`${arn}:${qualifier}`)
  return ok({
    record,
    version: record.latest,
    ...(qualifier !== undefined && { qualifier }),
    invokedArn: qualifier === undefined ? arn : `${arn}:${qualifier}`,
  })
}
