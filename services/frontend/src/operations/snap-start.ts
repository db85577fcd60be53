import {
  type AwsError,
  awsError,
  type FunctionRecord,
  type FunctionVersion,
  ok,
  type ResolvedFunction,
  type SnapStartEntry,
  snapStartKey,
} from '@weft/contracts'
import {
  type Collection,
  inSnapStartState,
  qualifiedOf,
  type Scope,
  type Store,
  snapStartNotReady,
  withQualified,
} from '@weft/registry'
import type { OperationDeps } from './deps.ts'
import { checkState } from './invocation-input.ts'
import { changeFunction, mergeTries, required } from './lookup.ts'

/** How far versions with SnapStart are: as last seen, and as placement has stored it. */
export type SnapStartStates = Pick<Collection<SnapStartEntry>, 'get'> & {
  readonly store: Pick<Store<SnapStartEntry>, 'read'>
}

const keyOf = ({ accountId, functionName }: FunctionRecord, { version }: FunctionVersion): string =>
  snapStartKey(accountId, functionName, version)

/** A version in the state that its SnapStart is in; one without SnapStart as it is. */
export const snapStartStanding = (
  deps: Pick<OperationDeps, 'snapStarts'>,
  record: FunctionRecord,
  version: FunctionVersion,
): FunctionVersion =>
  deps.snapStarts ? inSnapStartState(version, deps.snapStarts.get(keyOf(record, version))) : version

/**
 * Whether a version with SnapStart can be called. One that is Inactive is woken by that. Errors: SnapStartNotReady while it
 * is Inactive or comes back, ResourceConflict before its first initialisation and after one that failed.
 */
export async function checkSnapStartState(
  deps: Pick<OperationDeps, 'snapStarts' | 'stores' | 'clock'>,
  scope: Scope,
  target: ResolvedFunction,
): Promise<AwsError | undefined> {
  const { record } = target
  if (!deps.snapStarts || snapStartStanding(deps, record, target.version).state === 'Active') return undefined
  // Another frontend may have told somebody already that it is Active.
  const entry = (await deps.snapStarts.store.read(keyOf(record, target.version)))?.value
  const version = inSnapStartState(target.version, entry)
  if (version.stateReasonCode === 'Restoring') return snapStartNotReady
  if (version.state !== 'Inactive') return checkState({ ...target, version })
  const sinceMs = entry?.sinceMs ?? 0
  if ((qualifiedOf(record, 'wokenSnapStarts', version.version) ?? 0) <= sinceMs) {
    // Later than the moment it became Inactive, whatever this clock says.
    const wokenMs = Math.max(deps.clock.now(), sinceMs + 1)
    const woken = await changeFunction(
      deps,
      scope,
      record.functionName,
      (current) => {
        const found = required(current, record.functionArn)
        return found.ok ? ok(withQualified(found.value, 'wokenSnapStarts', version.version, wokenMs)) : found
      },
      mergeTries,
    )
    if (!woken.ok) return woken.error
  }
  return snapStartNotReady
}

const texts = {
  SnapStartException:
    'The afterRestore() runtime hook encountered an error. For more information, check the logs of the function.',
  SnapStartTimeoutException: 'Lambda could not restore the snapshot within the timeout limit.',
} as const

/** What a caller is told whose environment could not be restored; nothing ran. */
export const restoreFailed = (code: keyof typeof texts): AwsError => awsError(code, texts[code])
