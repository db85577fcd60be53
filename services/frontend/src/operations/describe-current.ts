import { LATEST, type ResolvedFunction } from '@weft/contracts'
import { describeFunction, describeSettling } from '@weft/registry'
import type { OperationDeps } from './deps.ts'

/**
 * A FunctionConfiguration as it stands: a change is done when every frontend knows of it. What this frontend itself has only
 * found in the store is on its way.
 */
export function describeCurrent(
  deps: Pick<OperationDeps, 'catalogue' | 'seenByAll'>,
  { record, version, qualifier }: Pick<ResolvedFunction, 'record' | 'version' | 'qualifier'>,
) {
  const revision = deps.catalogue.revisionOf(version.version === LATEST ? record : version)
  const isSettled = revision !== undefined && deps.seenByAll(revision)
  return (isSettled ? describeFunction : describeSettling)(record, version, qualifier)
}
