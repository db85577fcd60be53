import { createHash } from 'node:crypto'
import {
  type AwsError,
  awsError,
  err,
  type FunctionRecord,
  type FunctionVersion,
  type ImageImport,
  LATEST,
  ok,
  type PublishedVersion,
  type Result,
} from '@weft/contracts'
import { conflict, functionNotFound, invalidParameter, notServed, staleRevision, updateInProgress } from './errors.ts'
import { arnOf, nameFunction } from './function-name.ts'
import { checkNoImport, expectedLatest, publicationOf, wrongState } from './images.ts'
import type { PublishVersionInput } from './inputs.ts'
import type { Catalogue } from './ports.ts'
import { withRuntimePublished } from './runtime-management.ts'
import type { ChangeStamp, Scope } from './scope.ts'

/**
 * Whether `$LATEST` may be published as the request wants it. Errors: ResourceNotFound, InvalidParameterValue (another
 * code), PreconditionFailed.
 */
export function checkPublish(
  record: FunctionRecord | undefined,
  input: PublishVersionInput,
  scope: Scope,
): Result<FunctionRecord, AwsError> {
  if (input.PublishTo !== undefined) return notServed('PublishTo')
  const named = nameFunction(scope, input.FunctionName)
  if (!named.ok) return named
  const { functionName, qualifier } = named.value
  if (qualifier !== undefined && qualifier !== LATEST)
    return invalidParameter('Only $LATEST can be published; published versions and aliases cannot.')
  if (!record) return functionNotFound(arnOf(scope, functionName))
  const { environmentError } = record.latest
  if (environmentError) return err(awsError(environmentError.code, environmentError.message))
  const current = record.latest.code.sha256
  if (input.CodeSha256 !== undefined && input.CodeSha256 !== '' && input.CodeSha256 !== current)
    return invalidParameter(
      `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${current}). Please try again with the CodeSHA256 in $LATEST.`,
    )
  if (input.RevisionId !== undefined && input.RevisionId !== record.latest.revisionId) return err(staleRevision)
  const busy = checkNoImport(record)
  if (busy) return busy
  return record.latest.state === 'Active' ? ok(record) : wrongState(record)
}

/** Whether the last version, if it is still there, was made from what `$LATEST` is now. */
export const isPublished = (record: FunctionRecord): boolean => record.lastPublished === contentDigest(record.latest)

export interface Publication {
  /** The function, with the number taken: to be stored before the version, so that a number is never given twice. */
  readonly record: FunctionRecord
  readonly published: PublishedVersion
}

/** Freezes `$LATEST` under the next number. `description` replaces that of `$LATEST`; "" keeps it. */
export function publish(record: FunctionRecord, description: string | undefined, stamp: ChangeStamp): Publication {
  const lastVersion = (record.lastVersion ?? 0) + 1
  const latest = expectedLatest(record)
  const version = {
    version: String(lastVersion),
    description: description || latest.description,
    revisionId: stamp.revisionId,
    lastModifiedMs: stamp.nowMs,
  }
  const numbered = {
    ...withRuntimePublished(record, version.version),
    lastVersion,
    lastPublished: contentDigest(latest),
  }
  if (record.imageImport) return awaitPublication(numbered, record.imageImport, version)
  return {
    record: numbered,
    published: {
      accountId: record.accountId,
      functionName: record.functionName,
      ...(record.functionId !== undefined && { functionId: record.functionId }),
      version: {
        ...record.latest,
        ...version,
      },
    },
  }
}

/** A version of an image on its way waits with its function. */
function awaitPublication(
  record: FunctionRecord,
  imageImport: ImageImport,
  publishes: NonNullable<ImageImport['publishes']>,
): Publication {
  const waiting = { ...record, imageImport: { ...imageImport, publishes } }
  return { record: waiting, published: publicationOf(waiting) as PublishedVersion }
}

/** Which of a function's versions a DeleteFunction names: all of it, one, or none because it is not there. */
export type Deletion = { readonly kind: 'function' } | { readonly kind: 'version'; readonly version: string }

/**
 * Whether a function, or the version that a qualifier names, may be deleted. A version that does not exist is as good as
 * deleted: AWS answers 204. Errors: ResourceNotFound, InvalidParameterValue ($LATEST, an alias), ResourceConflict (in use).
 */
export function deleteFunction(
  catalogue: Pick<Catalogue, 'aliases'>,
  record: FunctionRecord | undefined,
  scope: Scope,
  ref: string,
  qualifier?: string,
): Result<Deletion, AwsError> {
  const named = nameFunction(scope, ref, qualifier)
  if (!named.ok) return named
  const { functionName, qualifier: wanted } = named.value
  if (!record) return functionNotFound(arnOf(scope, functionName, wanted))
  if (wanted === undefined) return ok({ kind: 'function' })
  if (wanted === LATEST) return invalidParameter('$LATEST version cannot be deleted without deleting the function.')
  if (!/^\d+$/.test(wanted)) return invalidParameter('Deletion of aliases is not currently supported.')
  // Else whoever brings its image would make it again.
  if (record.imageImport?.publishes?.version === wanted) return updateInProgress(arnOf(scope, functionName, wanted))
  const users = catalogue
    .aliases(scope.accountId, functionName)
    .filter((alias) => alias.functionVersion === wanted || alias.additional?.version === wanted)
  if (users.length > 0)
    return conflict(
      `Unable to delete version because the following aliases reference it: [${users.map((alias) => alias.name).join(', ')}]`,
    )
  return ok({ kind: 'version', version: wanted })
}

/** Of everything that makes a version run as it does; who changed it and when is no part of it. */
function contentDigest(version: FunctionVersion): string {
  const {
    version: _number,
    revisionId: _revision,
    lastModifiedMs: _when,
    state: _state,
    stateReason: _reason,
    stateReasonCode: _code,
    lastUpdateStatus: _status,
    lastUpdateStatusReason: _statusReason,
    lastUpdateStatusReasonCode: _statusCode,
    ...content
  } = version
  return createHash('sha256').update(canonical(content)).digest('base64url')
}

/** JSON with the members in order of name. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}
