import { type AwsError, awsError, err, limits, ok, type ResourcePolicy, type Result } from '@weft/contracts'
import { parsePolicy } from '../language/document.ts'
import { stalePolicy } from './permissions.ts'

/**
 * A policy that is given as a whole document and takes the place of what was there. Every statement must be about the
 * resource it is put on. Errors: PreconditionFailed, PolicyLengthExceeded (20 KB), InvalidParameterValue.
 */
export function policyOfDocument(
  before: ResourcePolicy | undefined,
  document: string,
  resource: string,
  revisionId: string,
  expected?: string,
): Result<ResourcePolicy, AwsError> {
  const sizeBytes = Buffer.byteLength(document)
  if (sizeBytes > limits.resourcePolicyBytes)
    return err(
      awsError(
        'PolicyLengthExceededException',
        `The final policy size (${sizeBytes}) is bigger than the limit (${limits.resourcePolicyBytes}).`,
      ),
    )
  const parsed = parsePolicy(document, 'resource')
  if (!parsed.ok) return invalid(parsed.error)
  const { Version, Statement } = JSON.parse(document) as { readonly Version?: string; readonly Statement: unknown }
  if (Version !== '2012-10-17') return invalid('Policy document must be version 2012-10-17 or greater.')
  const statements = (Array.isArray(Statement) ? Statement : [Statement]) as readonly Given[]
  if (!statements.every((one) => one.Resource === resource))
    return invalid(`Every statement of the policy must have the resource it is put on, ${resource}.`)
  if (expected !== undefined && expected !== before?.revisionId) return err(stalePolicy)
  return ok({ revisionId, statements })
}

interface Given {
  readonly Sid?: string
  readonly Resource?: unknown
}

const invalid = (message: string): Result<never, AwsError> => err(awsError('InvalidParameterValueException', message))
