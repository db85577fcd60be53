import { type AccountId, ok, type Result } from '@weft/contracts'
import { type IamError, iamError } from './errors.ts'
import { checkDocument, type Tag, withTags } from './holders.ts'
import { iamQuotas } from './quotas.ts'
import { arnOfIdentity, type EntityStamp, type ManagedPolicy, type PolicyVersion } from './records.ts'

export interface CreatePolicyInput {
  readonly name: string
  readonly path: string
  readonly document: string
  readonly description?: string | undefined
  readonly tags: readonly Tag[]
}

const checkManaged = (document: string): Result<void, IamError> =>
  checkDocument(
    document,
    'identity',
    iamQuotas.managedPolicyCharacters,
    `Cannot exceed quota for PolicySize: ${iamQuotas.managedPolicyCharacters}`,
  )

export function createPolicy(
  accountId: AccountId,
  input: CreatePolicyInput,
  stamp: EntityStamp,
): Result<ManagedPolicy, IamError> {
  const sound = checkManaged(input.document)
  if (!sound.ok) return sound
  return withTags<ManagedPolicy>(
    {
      kind: 'policy',
      accountId,
      name: input.name,
      path: input.path,
      id: `ANPA${stamp.idSuffix}`,
      createdAtMs: stamp.nowMs,
      updatedAtMs: stamp.nowMs,
      tags: {},
      ...(input.description !== undefined && { description: input.description }),
      versions: [{ versionId: 'v1', document: input.document, createdAtMs: stamp.nowMs }],
      defaultVersionId: 'v1',
      lastVersion: 1,
    },
    input.tags,
  )
}

/** Errors: MalformedPolicyDocument, LimitExceeded (five versions). */
export function addPolicyVersion(
  policy: ManagedPolicy,
  document: string,
  setAsDefault: boolean,
  nowMs: number,
): Result<ManagedPolicy, IamError> {
  const sound = checkManaged(document)
  if (!sound.ok) return sound
  if (policy.versions.length >= iamQuotas.policyVersions)
    return iamError(
      'LimitExceeded',
      `A managed policy can have up to ${iamQuotas.policyVersions} versions. Before you create a new version, you must delete an existing version.`,
    )
  const lastVersion = policy.lastVersion + 1
  const versionId = `v${lastVersion}`
  return ok({
    ...policy,
    lastVersion,
    updatedAtMs: nowMs,
    versions: [...policy.versions, { versionId, document, createdAtMs: nowMs }],
    ...(setAsDefault && { defaultVersionId: versionId }),
  })
}

/** Errors: NoSuchEntity. */
export function policyVersion(policy: ManagedPolicy, versionId: string): Result<PolicyVersion, IamError> {
  const found = policy.versions.find((one) => one.versionId === versionId)
  if (found) return ok(found)
  return iamError(
    'NoSuchEntity',
    `Policy ${arnOfIdentity(policy)} version ${versionId} does not exist or is not attachable.`,
  )
}

/** Errors: NoSuchEntity. */
export function setDefaultVersion(
  policy: ManagedPolicy,
  versionId: string,
  nowMs: number,
): Result<ManagedPolicy, IamError> {
  const found = policyVersion(policy, versionId)
  return found.ok ? ok({ ...policy, defaultVersionId: versionId, updatedAtMs: nowMs }) : found
}

/** Errors: NoSuchEntity, DeleteConflict for the default version. */
export function deletePolicyVersion(policy: ManagedPolicy, versionId: string): Result<ManagedPolicy, IamError> {
  const found = policyVersion(policy, versionId)
  if (!found.ok) return found
  if (versionId === policy.defaultVersionId)
    return iamError('DeleteConflict', 'Cannot delete the default version of a policy.')
  return ok({ ...policy, versions: policy.versions.filter((one) => one.versionId !== versionId) })
}

/** Errors: DeleteConflict while it is attached or has other versions than the default one. */
export function checkPolicyDeletable(policy: ManagedPolicy, attachments: number): Result<void, IamError> {
  if (attachments > 0) return iamError('DeleteConflict', 'Cannot delete a policy attached to entities.')
  if (policy.versions.length > 1)
    return iamError(
      'DeleteConflict',
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
    )
  return ok(undefined)
}
