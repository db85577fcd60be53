import { type AwsError, isIsolationClass, isolates, isolationClasses, isolationTag, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'
import type { Offer } from './scope.ts'

/**
 * Whether a function may have these tags: the one that names an isolation names one that some worker has. Errors:
 * InvalidParameterValueException.
 */
export function checkIsolationTag(
  tags: Readonly<Record<string, string>>,
  { isolations }: Pick<Offer, 'isolations'>,
): Result<never, AwsError> | undefined {
  const needed = Object.hasOwn(tags, isolationTag) ? tags[isolationTag] : undefined
  if (needed === undefined) return undefined
  if (!isIsolationClass(needed))
    return invalidParameter(`The tag ${isolationTag} must be one of: ${isolationClasses.join(', ')}.`)
  if (!isolations || isolations.some((offered) => isolates(offered, needed))) return undefined
  return invalidParameter(`No worker offers the isolation ${needed}; they offer: ${[...isolations].sort().join(', ')}.`)
}
