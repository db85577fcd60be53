import { type AwsError, type FunctionRecord, LATEST, ok, type Result, type RuntimeManagement } from '@weft/contracts'
import { qualifiedOf, withQualified } from './by-qualifier.ts'
import { invalidParameter } from './errors.ts'
import type { Offer } from './scope.ts'

export interface RuntimeManagementInput {
  readonly UpdateRuntimeOn: 'Auto' | 'FunctionUpdate' | 'Manual'
  readonly RuntimeVersionArn?: string | undefined
}

/** `arn:aws:lambda:REGION::runtime:nodejs24.x:24.21.0`; without a version: whichever the worker has. */
export const runtimeVersionArn = (region: string, runtime: string, version?: string): string =>
  `arn:aws:lambda:${region}::runtime:${runtime}${version === undefined ? '' : `:${version}`}`

const regionOf = ({ functionArn }: FunctionRecord): string => functionArn.split(':')[3] ?? ''

/** What workers offer of a runtime, newest last. */
const versionsOf = (runtime: string, { runtimeVersions = [] }: Offer): readonly string[] =>
  runtimeVersions
    .filter((one) => one.startsWith(`${runtime}:`))
    .map((one) => one.slice(runtime.length + 1))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))

/**
 * How the runtime of a version of the function is updated from now on. With FunctionUpdate it stays with what was newest at
 * the last change of the function, with Manual with the version that is named; placement starts it on workers alone that
 * have that one. Errors: InvalidParameterValueException.
 */
export function manageRuntime(
  record: FunctionRecord,
  { version, runtime }: { readonly version: string; readonly runtime: string },
  input: RuntimeManagementInput,
  offer: Offer,
): Result<FunctionRecord, AwsError> {
  const { UpdateRuntimeOn: updateOn, RuntimeVersionArn: wanted } = input
  if (updateOn !== 'Manual' && wanted !== undefined)
    return invalidParameter('RuntimeVersionArn can only be specified when UpdateRuntimeOn is Manual.')
  if (updateOn === 'Auto') return ok(withQualified(record, 'runtimeManagement', version, undefined))
  if (updateOn === 'Manual' && wanted === undefined)
    return invalidParameter('RuntimeVersionArn is required when UpdateRuntimeOn is Manual.')
  const arns = versionsOf(runtime, offer).map((one) => runtimeVersionArn(regionOf(record), runtime, one))
  const newest = arns.at(-1)
  if (newest === undefined)
    return invalidParameter(
      `The workers tell no version of the runtime ${runtime}, so a function cannot stay with one.`,
    )
  if (wanted !== undefined && !arns.includes(wanted))
    return invalidParameter(`Runtime version ${wanted} is not offered by the workers: [${arns.join(', ')}]`)
  const before = qualifiedOf(record, 'runtimeManagement', version)
  // Its runtime is updated with the function, which this is not; one that followed the workers has what is newest.
  const kept = updateOn === 'FunctionUpdate' ? (before?.runtimeVersionArn ?? newest) : (wanted ?? newest)
  return ok(withQualified(record, 'runtimeManagement', version, { updateOn, runtimeVersionArn: kept }))
}

/** The function after a change of `$LATEST`: what is updated with it is; what was kept of another runtime is no use. */
export function withRuntimeUpdated(record: FunctionRecord, runtimeBefore: string, offer: Offer): FunctionRecord {
  const settings = qualifiedOf(record, 'runtimeManagement', LATEST)
  if (!settings) return record
  const { runtime } = record.latest
  const newest = versionsOf(runtime, offer).at(-1)
  const next: RuntimeManagement | undefined =
    settings.updateOn === 'FunctionUpdate' && newest !== undefined
      ? { ...settings, runtimeVersionArn: runtimeVersionArn(regionOf(record), runtime, newest) }
      : runtime === runtimeBefore
        ? settings
        : undefined
  return next === settings ? record : withQualified(record, 'runtimeManagement', LATEST, next)
}

/** The function with a version just published, whose runtime is kept as that of `$LATEST` is. */
export function withRuntimePublished(record: FunctionRecord, version: string): FunctionRecord {
  const settings = qualifiedOf(record, 'runtimeManagement', LATEST)
  return settings ? withQualified(record, 'runtimeManagement', version, settings) : record
}
