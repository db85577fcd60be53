import { type AwsError, ok, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'

/** Tags of one resource; developer guide, configuration-tags. */
const mostTags = 50

type Tags = Readonly<Record<string, string>>

/** Errors: InvalidParameterValueException for a key of AWS's own and for too many. */
export function addTags(base: Tags, added: Tags): Result<Tags, AwsError> {
  const reserved = Object.keys(added).find((key) => key.toLowerCase().startsWith('aws:'))
  if (reserved !== undefined) return invalidParameter('aws: prefixed tag key names are not allowed for external use.')
  const tags = Object.fromEntries([...Object.entries(base), ...Object.entries(added)])
  if (Object.keys(tags).length > mostTags) return invalidParameter('Number of tags exceeds resource tag limit.')
  return ok(tags)
}

export const removeTags = (base: Tags, keys: readonly string[]): Tags =>
  Object.fromEntries(Object.entries(base).filter(([key]) => !keys.includes(key)))
