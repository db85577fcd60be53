import { randomBytes } from 'node:crypto'
import { type AccountId, err, ok, type Result } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import {
  arnOfIdentity,
  type EntityStamp,
  fullAccessRoleName,
  type IamError,
  type IdentityDirectory,
  type IdentityKind,
  type IdentityRecord,
  iamError,
  iamErrors,
  identityKey,
  noSuchIdentity,
} from '@weft/policy'
import type { Principal } from '../door.ts'
import type { Params, TextRule } from '../query/params.ts'
import type { QueryError } from '../query/query-door.ts'
import type { XmlMembers } from '../s3/xml.ts'

/** What an operation of IAM works with. */
export interface IamCall {
  readonly account: AccountId
  readonly principal: Principal
  readonly params: Params
  readonly identities: IdentityDirectory
  readonly clock: Pick<Clock, 'now'>
}

export type IamOutcome = Result<XmlMembers | undefined, IamError>

export interface IamOperation {
  /** ARN that policies are asked about. */
  readonly resource: (call: IamCall) => string
  readonly run: (call: IamCall) => IamOutcome | Promise<IamOutcome>
}

export type IamOperations = Readonly<Record<string, IamOperation>>

export const toQueryError = ({ code, message }: IamError): QueryError => ({ code, message, status: iamErrors[code] })

const namePattern = /^[\w+=,.@-]+$/
/** IAM API reference: the lengths of names differ. */
export const names: Readonly<Record<'role' | 'user' | 'group' | 'policy' | 'inline', TextRule>> = {
  role: { min: 1, max: 64, pattern: namePattern },
  user: { min: 1, max: 64, pattern: namePattern },
  group: { min: 1, max: 128, pattern: namePattern },
  policy: { min: 1, max: 128, pattern: namePattern },
  inline: { min: 1, max: 128, pattern: namePattern },
}
export const pathRule: TextRule = { min: 1, max: 512, pattern: /^(\/|(\/[\x21-\x2e\x30-\x7e]+)+\/)$/ }
export const arnRule: TextRule = { min: 20, max: 2_048 }
export const documentRule: TextRule = { min: 1, max: 131_072 }
export const descriptionRule: TextRule = { max: 1_000 }
export const versionRule: TextRule = { min: 2, max: 8, pattern: /^v[1-9][0-9]*$/ }

/** Checks what the operation has read. */
export function checked(params: Params): Result<void, IamError> {
  return params.problem === undefined ? ok(undefined) : iamError('ValidationError', params.problem)
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
export const stampOf = ({ clock }: IamCall): EntityStamp => ({
  nowMs: clock.now(),
  idSuffix: [...randomBytes(17)].map((byte) => base32[byte % base32.length]).join(''),
})

/** `arn:aws:iam::ACCOUNT:role/path/name`: as it is, or as it would be. */
export const arnOf = ({ account, identities }: IamCall, kind: IdentityKind, name: string, path = '/'): string => {
  const known = identities[kind](account, name)
  return arnOfIdentity(known ?? { kind, accountId: account, path, name })
}

type RecordOf<K extends IdentityKind> = Extract<IdentityRecord, { readonly kind: K }>

/** From the store, so that what was made a moment ago through another frontend is found. */
export async function read<K extends IdentityKind>(
  { account, identities }: IamCall,
  kind: K,
  name: string,
): Promise<{ readonly value: RecordOf<K>; readonly revision: number } | undefined> {
  const stored = await identities.store.read(identityKey(account, kind, name))
  return stored?.value.kind === kind ? { value: stored.value as RecordOf<K>, revision: stored.revision } : undefined
}

/**
 * One that is asked for by name, as the store has it: scripts change it and look at once, maybe through another frontend. The
 * role that every account is born with is not stored.
 */
export async function find<K extends IdentityKind>(
  call: IamCall,
  kind: K,
  name: string,
): Promise<RecordOf<K> | undefined> {
  if (kind === 'role' && name === fullAccessRoleName) return call.identities[kind](call.account, name) as RecordOf<K>
  return (await read(call, kind, name))?.value
}

/** Changes are laid over concurrent ones this often. */
const tries = 10

export const noHolder = (arn: string): Result<never, IamError> =>
  iamError('NoSuchEntity', `No user or role with the ARN ${arn} can be found.`)

export const busy = (): Result<never, IamError> =>
  iamError(
    'ConcurrentModification',
    'The request was rejected because multiple requests to change this object were submitted simultaneously.',
  )

/** Reads a record, lets a rule change it and stores it by compare-and-set. Errors: NoSuchEntity, and those of the rule. */
export async function change<K extends IdentityKind>(
  call: IamCall,
  kind: K,
  name: string,
  rule: (record: RecordOf<K>) => Result<RecordOf<K>, IamError>,
  missing: () => Result<never, IamError> = () => noSuchIdentity(kind, name),
): Promise<Result<RecordOf<K>, IamError>> {
  for (let left = tries; left > 0; left--) {
    const stored = await read(call, kind, name)
    if (!stored) return missing()
    const changed = rule(stored.value)
    if (!changed.ok) return changed
    const key = identityKey(call.account, kind, stored.value.name)
    if ((await call.identities.store.replace(key, changed.value, stored.revision)).ok) return changed
  }
  return busy()
}

/** Removes a record that the rule lets go. */
export async function remove<K extends IdentityKind>(
  call: IamCall,
  kind: K,
  name: string,
  rule: (record: RecordOf<K>) => Result<void, IamError>,
  missing: () => Result<never, IamError> = () => noSuchIdentity(kind, name),
): Promise<Result<undefined, IamError>> {
  for (let left = tries; left > 0; left--) {
    const stored = await read(call, kind, name)
    if (!stored) return missing()
    const may = rule(stored.value)
    if (!may.ok) return may
    const key = identityKey(call.account, kind, stored.value.name)
    if ((await call.identities.store.remove(key, stored.revision)).ok) return ok(undefined)
  }
  return busy()
}

/** Stores a new record; `exists` words the refusal when the name is taken. */
export async function create<R extends IdentityRecord>(
  call: IamCall,
  made: Result<R, IamError>,
  exists: Result<never, IamError>,
): Promise<Result<R, IamError>> {
  if (!made.ok) return made
  const { account, identities } = call
  const stored = await identities.store.create(identityKey(account, made.value.kind, made.value.name), made.value)
  return stored.ok ? made : exists
}

/** A page of a list in order of name; the marker is the last name shown, which the list need not hold any more. */
export function page<T>(
  { params }: IamCall,
  all: readonly T[],
  nameOf: (one: T) => string,
): Result<{ readonly items: readonly T[]; readonly paging: XmlMembers }, IamError> {
  const marker = params.optional('Marker', { min: 1, max: 320, pattern: /^[A-Za-z0-9_-]+$/ })
  const size = params.integer('MaxItems', { min: 1, max: 1_000 }) ?? 100
  if (params.problem !== undefined) return err({ code: 'ValidationError', message: params.problem })
  const after = marker === undefined ? '' : Buffer.from(marker, 'base64url').toString()
  const rest = all.filter((one) => nameOf(one) > after)
  const items = rest.slice(0, size)
  const last = items.at(-1)
  const more = rest.length > items.length && last !== undefined
  return ok({
    items,
    paging: {
      IsTruncated: more,
      Marker: more ? Buffer.from(nameOf(last)).toString('base64url') : undefined,
    },
  })
}

/** IAM's dates have no fraction of a second. */
export const iamDate = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** Documents are shown URL-encoded, by RFC 3986. */
export const encodeDocument = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )

export const tagMembers = (tags: Readonly<Record<string, string>>): XmlMembers => ({
  member: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
})
