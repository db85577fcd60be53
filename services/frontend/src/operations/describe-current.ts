import { LATEST, type ResolvedFunction } from '@weft/contracts'
import { describeFunction, describeSettling } from '@weft/registry'
import type { OperationDeps } from './deps.ts'
import { snapStartStanding } from './snap-start.ts'

/**
 * A FunctionConfiguration as it stands: a change is done when every frontend knows of it. What this frontend itself has only
 * found in the store is on its way.
 */
export function describeCurrent(
  deps: Pick<OperationDeps, 'catalogue' | 'seenByAll' | 'snapStarts'>,
  { record, version, qualifier }: Pick<ResolvedFunction, 'record' | 'version' | 'qualifier'>,
) {
  const revision = deps.catalogue.revisionOf(version.version === LATEST ? record : version)
  const isSettled = revision !== undefined && deps.seenByAll(revision)
  const now = snapStartStanding(deps, record, version)
  return (isSettled ? describeFunction : describeSettling)(record, now, qualifier)
}
