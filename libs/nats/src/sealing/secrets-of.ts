import {
  type AccessKey,
  buckets,
  type EnvironmentError,
  type FunctionRecord,
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

/** The digest of what was last published tells a guess of the variables from a wrong one, so it is a secret too. */
const latest: Omit<SecretParts, 'resource'> = {
  split(record: FunctionRecord) {
    const { lastPublished, ...rest } = record
    const { environment } = record.latest
    if (isEmpty(environment) && lastPublished === undefined) return undefined
    return {
      open: { ...rest, latest: { ...record.latest, environment: {} } },
      secrets: { environment, ...(lastPublished !== undefined && { lastPublished }) },
    }
  },
  join(open: FunctionRecord, { environment, ...more }: { environment: Variables; lastPublished?: string }) {
    const { environmentError: _past, ...version } = open.latest
    return { ...open, ...more, latest: { ...version, environment } }
  },
  without(open: FunctionRecord, problem) {
    return { ...open, latest: { ...open.latest, environmentError: environmentError(problem) } }
  },
  replaced: (record: FunctionRecord) => record.latest.environmentError === undefined,
}

const published: Omit<SecretParts, 'resource'> = {
  split(record: PublishedVersion) {
    const { environment, environmentError: problem } = record.version
    if (problem) throw new Error(`a version without its variables cannot be kept: ${problem.message}`)
    if (isEmpty(environment)) return undefined
    return { open: { ...record, version: { ...record.version, environment: {} } }, secrets: { environment } }
  },
  join(open: PublishedVersion, { environment }: { environment: Variables }) {
    return { ...open, version: { ...open.version, environment } }
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
