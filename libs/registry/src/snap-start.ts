/**
 * SnapStart: the environments of published versions are initialised ahead of their calls. Rules and texts: Lambda
 * developer guide, snapstart and snapstart-troubleshooting.
 */
import {
  type AwsError,
  awsError,
  type FunctionVersion,
  LATEST,
  type Result,
  type SnapStartEntry,
} from '@weft/contracts'
import { invalidParameter } from './errors.ts'

const hourMs = 60 * 60_000
/** A version without calls for so long becomes Inactive (developer guide, snapstart). */
export const snapStartInactiveMs = 14 * 24 * hourMs
/** More of /tmp than this cannot be part of a snapshot. */
const mostEphemeralStorageMb = 512

/** Whether a function may have SnapStart as it is. Weft initialises any runtime ahead; images are not offered. */
export function checkSnapStart(
  version: Pick<FunctionVersion, 'snapStart' | 'ephemeralStorageMb' | 'packageType'>,
): Result<never, AwsError> | undefined {
  if (!version.snapStart) return undefined
  if (version.packageType === 'Image')
    return invalidParameter('ContainerImage is not supported for SnapStart enabled functions.')
  if (version.ephemeralStorageMb > mostEphemeralStorageMb)
    return invalidParameter(
      `EphemeralStorage with size greater than ${mostEphemeralStorageMb} MB is not supported for SnapStart enabled functions.`,
    )
  return undefined
}

export const snapStartNotProvisionable = invalidParameter(
  'Provisioned Concurrency is not supported for SnapStart enabled functions.',
)

/** Its environments are initialised ahead of calls. */
export const hasSnapStart = (version: FunctionVersion): boolean =>
  version.snapStart === true && version.version !== LATEST

/** The version in the state that its entry tells of. Without SnapStart, the same. */
export function inSnapStartState(version: FunctionVersion, entry: SnapStartEntry | undefined): FunctionVersion {
  if (!hasSnapStart(version) || version.state !== 'Active') return version
  const own = entry?.revisionId === version.revisionId ? entry : undefined
  switch (own?.state) {
    case 'Active':
      return version
    case 'Inactive':
      return {
        ...version,
        state: 'Inactive',
        stateReason: 'The function version was not called for 14 days.',
        stateReasonCode: 'Idle',
      }
    case 'Failed':
      return {
        ...version,
        state: 'Failed',
        stateReason: `Initialization failed: ${own.failure ?? 'unknown'}`,
        stateReasonCode: failureCode(own.failure ?? ''),
      }
    case 'Pending':
    case undefined:
      return own?.restoring
        ? { ...version, state: 'Pending', stateReason: 'The function is being restored.', stateReasonCode: 'Restoring' }
        : { ...version, state: 'Pending', stateReason: 'The function is being created.', stateReasonCode: 'Creating' }
  }
}

/** The StateReasonCode of AWS's model for an error type of a runtime. */
function failureCode(errorType: string): string {
  if (errorType === 'Sandbox.Timedout') return 'FunctionError.InitTimeout'
  if (errorType === 'Runtime.InvalidEntrypoint') return 'FunctionError.InvalidEntryPoint'
  return errorType.startsWith('Extension.') ? 'FunctionError.ExtensionInitError' : 'FunctionError.RuntimeInitError'
}

export const snapStartNotReady: AwsError = awsError(
  'SnapStartNotReadyException',
  'Lambda is initializing your function. It will be ready to invoke once your function state becomes Active.',
)

/** What placement knows of a version. */
export interface SnapStartFacts {
  /** An environment has been initialised. */
  readonly ready: boolean
  /** Error type of an initialisation that failed. */
  readonly failure?: string | undefined
  /** Epoch ms of its last call; absent: none was seen. */
  readonly lastUsedMs?: number | undefined
  /** When a call found it Inactive. */
  readonly wokenMs?: number | undefined
}

type Progress = Pick<SnapStartEntry, 'state' | 'sinceMs' | 'restoring' | 'failure' | 'lastUsedMs'>

/** How far it is now; the same value when nothing has changed. */
export function nextSnapStart<P extends Progress>(
  before: P | undefined,
  facts: SnapStartFacts,
  nowMs: number,
): Progress | P {
  if (!before) return nextSnapStart({ state: 'Pending', sinceMs: nowMs, lastUsedMs: nowMs }, facts, nowMs)
  switch (before.state) {
    case 'Pending':
      if (facts.ready) return { state: 'Active', sinceMs: nowMs, lastUsedMs: nowMs }
      if (facts.failure === undefined) return before
      return { state: 'Failed', sinceMs: nowMs, failure: facts.failure, lastUsedMs: before.lastUsedMs }
    case 'Active': {
      const seenMs = facts.lastUsedMs ?? before.lastUsedMs
      // By the hour, so that a busy version costs its store next to nothing.
      const lastUsedMs = seenMs >= before.lastUsedMs + hourMs ? seenMs : before.lastUsedMs
      if (nowMs - lastUsedMs >= snapStartInactiveMs) return { state: 'Inactive', sinceMs: nowMs, lastUsedMs }
      return lastUsedMs === before.lastUsedMs ? before : { state: 'Active', sinceMs: before.sinceMs, lastUsedMs }
    }
    case 'Inactive':
      // By a call that was told to come again, or an event that ran in an environment of its own.
      if (Math.max(facts.wokenMs ?? 0, facts.lastUsedMs ?? 0) <= before.sinceMs) return before
      return { state: 'Pending', restoring: true, sinceMs: nowMs, lastUsedMs: nowMs }
    case 'Failed':
      return before
  }
}

/** Whether environments are to be kept initialised for it. */
export const wantsSnapStart = ({ state }: Pick<SnapStartEntry, 'state'>): boolean =>
  state === 'Pending' || state === 'Active'
