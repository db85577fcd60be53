import {
  type AwsError,
  awsError,
  type FunctionRecord,
  type FunctionVersion,
  ok,
  type ResolvedFunction,
  snapStartKey,
} from '@weft/contracts'
import { inSnapStartState, qualifiedOf, type Scope, snapStartNotReady, withQualified } from '@weft/registry'
import type { OperationDeps } from './deps.ts'
import { checkState } from './invocation-input.ts'
import { changeFunction, mergeTries, required } from './lookup.ts'

const entryOf = (
  { snapStarts }: Pick<OperationDeps, 'snapStarts'>,
  record: FunctionRecord,
  { version }: FunctionVersion,
) => snapStarts?.get(snapStartKey(record.accountId, record.functionName, version))

/** A version in the state that its SnapStart is in; one without SnapStart as it is. */
export const snapStartStanding = (
  deps: Pick<OperationDeps, 'snapStarts'>,
  record: FunctionRecord,
  version: FunctionVersion,
): FunctionVersion => (deps.snapStarts ? inSnapStartState(version, entryOf(deps, record, version)) : version)

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
  const version = snapStartStanding(deps, record, target.version)
  if (version.stateReasonCode === 'Restoring') return snapStartNotReady
  if (version.state !== 'Inactive') return checkState({ ...target, version })
  const sinceMs = entryOf(deps, record, version)?.sinceMs ?? 0
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
