import {
  type AccessKey,
  buckets,
  type EnvironmentError,
  type FunctionRecord,
  type FunctionVersion,
  LATEST,
  type PublishedVersion,
  parseCatalogueKey,
} from '@weft/contracts'
import type { SealProblem } from '@weft/platform'

/** How the secrets of one kind of record are taken out of it, put back, and done without. */
export interface SecretParts {
  /** What the secrets belong to: the ARN that their envelope is bound to. */
  readonly resource: string
  /** The record without its secrets, and these; undefined when it has none. */
  split(record: never): { readonly open: object; readonly secrets: object } | undefined
  join(open: never, secrets: never): object
  /** The record of a process that cannot open them. */
  without(open: never, problem: SealProblem): object
  /** Whether a record that `without` made has since been given secrets of its own. */
  replaced(record: never): boolean
}

/** What of the record under that key is secret; undefined: nothing. The key decides, so a record that was moved to another one stays closed. */
export function secretPartsOf(bucket: string, key: string): SecretParts | undefined {
  if (bucket === buckets.functions) return ofFunctions(key)
  if (bucket === buckets.accounts) return { resource: `arn:aws:iam::${key}:root`, ...accessKeys }
  if (bucket === buckets.identities) {
    const [account, ...name] = key.split('.')
    return { resource: `arn:aws:iam::${account}:${name.join('/')}`, ...accessKeys }
  }
  return undefined
}

function ofFunctions(key: string): SecretParts | undefined {
  const parsed = parseCatalogueKey(key)
  if (!parsed.ok) return undefined
  const { kind, accountId, functionName, qualifier = LATEST } = parsed.value
  if (kind !== 'function' && kind !== 'version') return undefined
  const resource = `arn:aws:lambda::${accountId}:function:${functionName}:${qualifier}`
  return { resource, ...(kind === 'function' ? latest : published) }
}

type Variables = Readonly<Record<string, string>>
const isEmpty = (variables: Variables): boolean => Object.keys(variables).length === 0

interface Secrets {
  readonly environment: Variables
  /** Of a package that lies sealed. */
  readonly codeKey?: string
}

function withoutKey(version: FunctionVersion): {
  readonly open: FunctionVersion
  readonly codeKey: string | undefined
} {
  const { key, ...code } = version.code
  return { open: { ...version, code }, codeKey: key }
}
const keyed = (codeKey: string | undefined) => (codeKey === undefined ? {} : { codeKey })
const withKey = <V extends Pick<FunctionVersion, 'code'>>(version: V, codeKey: string | undefined): V =>
  codeKey === undefined ? version : { ...version, code: { ...version.code, key: codeKey } }

/** The digest of what was last published tells a guess of the variables from a wrong one, so it is a secret too. */
const latest: Omit<SecretParts, 'resource'> = {
  split(record: FunctionRecord) {
    const { lastPublished, ...rest } = record
    const { environment } = record.latest
    const { open, codeKey } = withoutKey(record.latest)
    if (isEmpty(environment) && lastPublished === undefined && codeKey === undefined) return undefined
    return {
      open: { ...rest, latest: { ...open, environment: {} } },
      secrets: { environment, ...(lastPublished !== undefined && { lastPublished }), ...keyed(codeKey) },
    }
  },
  join(open: FunctionRecord, { environment, codeKey, ...more }: Secrets & { lastPublished?: string }) {
    const { environmentError: _past, ...version } = open.latest
    return { ...open, ...more, latest: { ...withKey(version, codeKey), environment } }
  },
  without(open: FunctionRecord, problem) {
    return { ...open, latest: { ...open.latest, environmentError: environmentError(problem) } }
  },
  // New variables take the place of those that stay closed; the key of a package that is still there has no other home.
  replaced: ({ latest: { environmentError, code } }: FunctionRecord) =>
    environmentError === undefined && (code.sourceKmsKeyArn === undefined || code.key !== undefined),
}

const published: Omit<SecretParts, 'resource'> = {
  split(record: PublishedVersion) {
    const { environment, environmentError: problem } = record.version
    if (problem) throw new Error(`a version without its variables cannot be kept: ${problem.message}`)
    const { open, codeKey } = withoutKey(record.version)
    if (isEmpty(environment) && codeKey === undefined) return undefined
    const secrets = { environment, ...keyed(codeKey) }
    return { open: { ...record, version: { ...open, environment: {} } }, secrets }
  },
  join(open: PublishedVersion, { environment, codeKey }: Secrets) {
    return { ...open, version: { ...withKey(open.version, codeKey), environment } }
  },
  without(open: PublishedVersion, problem) {
    return { ...open, version: { ...open.version, environmentError: environmentError(problem) } }
  },
  replaced: () => false,
}

interface KeyHolder {
  readonly accessKeys?: readonly AccessKey[]
}

/** Of accounts and of users: the whole list, so that no key is there that has no secret. */
const accessKeys: Omit<SecretParts, 'resource'> = {
  split(record: KeyHolder) {
    const { accessKeys: keys, ...open } = record
    return keys === undefined || keys.length === 0
      ? undefined
      : { open: { ...open, accessKeys: [] }, secrets: { keys } }
  },
  join: (open: KeyHolder, { keys }: { keys: readonly AccessKey[] }) => ({ ...open, accessKeys: keys }),
  without: (open: KeyHolder) => ({ ...open, accessKeys: [] }),
  replaced: () => false,
}

/** In the words of AWS. */
const environmentError = (problem: SealProblem): EnvironmentError =>
  problem.kind === 'unknown-key'
    ? {
        code: 'KMSNotFoundException',
        message: `Lambda was unable to decrypt the environment variables because the KMS key was not found. Please check the function's KMS key settings. KMS key: ${problem.keyId}`,
      }
    : {
        code: 'KMSAccessDeniedException',
        message:
          "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings.",
      }
