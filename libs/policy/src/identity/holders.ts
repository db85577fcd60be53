import { ok, type Result } from '@weft/contracts'
import { type PolicyKind, parsePolicy } from '../language/document.ts'
import { type IamError, iamError, malformed, noSuchPolicyArn } from './errors.ts'
import { iamQuotas } from './quotas.ts'
import type { PolicyHolder } from './records.ts'

/** White space does not count towards IAM's limits. */
const lengthOf = (document: string): number => document.replaceAll(/\s/g, '').length

/** A document that may be kept. Errors: MalformedPolicyDocument, LimitExceeded. */
export function checkDocument(
  document: string,
  kind: PolicyKind,
  most: number,
  tooLong: string,
): Result<void, IamError> {
  const parsed = parsePolicy(document, kind)
  if (!parsed.ok) return malformed(parsed.error)
  return lengthOf(document) > most ? iamError('LimitExceeded', tooLong) : ok(undefined)
}

/** Own properties only: a policy may be called `constructor`. */
const inlineOf = (holder: PolicyHolder, name: string): string | undefined =>
  Object.hasOwn(holder.inlinePolicies, name) ? holder.inlinePolicies[name] : undefined

export function putInlinePolicy<H extends PolicyHolder>(
  holder: H,
  name: string,
  document: string,
): Result<H, IamError> {
  const others = Object.entries(holder.inlinePolicies).filter(([one]) => one !== name)
  const most = iamQuotas.inlinePolicyCharacters[holder.kind]
  const sound = checkDocument(
    document,
    'identity',
    most - others.reduce((sum, [, text]) => sum + lengthOf(text), 0),
    `Maximum policy size of ${most} bytes exceeded for ${holder.kind} ${holder.name}`,
  )
  if (!sound.ok) return sound
  return ok({ ...holder, inlinePolicies: Object.fromEntries([...others, [name, document]]) })
}

export function inlinePolicy(holder: PolicyHolder, name: string): Result<string, IamError> {
  const document = inlineOf(holder, name)
  if (document === undefined)
    return iamError('NoSuchEntity', `The ${holder.kind} policy with name ${name} cannot be found.`)
  return ok(document)
}

export function deleteInlinePolicy<H extends PolicyHolder>(holder: H, name: string): Result<H, IamError> {
  const found = inlinePolicy(holder, name)
  if (!found.ok) return found
  const others = Object.entries(holder.inlinePolicies).filter(([one]) => one !== name)
  return ok({ ...holder, inlinePolicies: Object.fromEntries(others) })
}

const titles = { role: 'Role', user: 'User', group: 'Group' } as const

/** Attaching twice is attaching once. */
export function attachPolicy<H extends PolicyHolder>(holder: H, arn: string): Result<H, IamError> {
  if (holder.attachedPolicies.includes(arn)) return ok(holder)
  if (holder.attachedPolicies.length >= iamQuotas.attachedPolicies)
    return iamError(
      'LimitExceeded',
      `Cannot exceed quota for PoliciesPer${titles[holder.kind]}: ${iamQuotas.attachedPolicies}`,
    )
  return ok({ ...holder, attachedPolicies: [...holder.attachedPolicies, arn] })
}

export function detachPolicy<H extends PolicyHolder>(holder: H, arn: string): Result<H, IamError> {
  if (!holder.attachedPolicies.includes(arn)) return noSuchPolicyArn(arn)
  return ok({ ...holder, attachedPolicies: holder.attachedPolicies.filter((one) => one !== arn) })
}

/** What still hangs on it keeps it from being deleted. */
export function checkDeletable(holder: PolicyHolder): Result<void, IamError> {
  if (holder.kind === 'user' && holder.accessKeys.length > 0)
    return iamError('DeleteConflict', 'Cannot delete entity, must delete access keys first.')
  if (holder.kind === 'user' && holder.groups && holder.groups.length > 0)
    return iamError('DeleteConflict', 'Cannot delete entity, must remove user from group first.')
  if (holder.attachedPolicies.length > 0)
    return iamError('DeleteConflict', 'Cannot delete entity, must detach all policies first.')
  if (Object.keys(holder.inlinePolicies).length > 0)
    return iamError('DeleteConflict', 'Cannot delete entity, must delete policies first.')
  return ok(undefined)
}

export interface Tag {
  readonly key: string
  readonly value: string
}

/** Tags with more laid over them. Errors: InvalidInput, LimitExceeded. */
export function withTags<E extends { readonly tags: Readonly<Record<string, string>> }>(
  entity: E,
  added: readonly Tag[],
): Result<E, IamError> {
  const tags = new Map(Object.entries(entity.tags))
  for (const { key, value } of added) {
    if (key.toLowerCase().startsWith('aws:'))
      return iamError('InvalidInput', 'User-defined tag keys can\'t start with "aws:"')
    tags.set(key, value)
  }
  if (tags.size > iamQuotas.tags) return iamError('LimitExceeded', `Cannot exceed quota for Tags: ${iamQuotas.tags}`)
  return ok({ ...entity, tags: Object.fromEntries(tags) })
}

export const withoutTags = <E extends { readonly tags: Readonly<Record<string, string>> }>(
  entity: E,
  removed: readonly string[],
): E => ({
  ...entity,
  tags: Object.fromEntries(Object.entries(entity.tags).filter(([key]) => !removed.includes(key))),
})
