import type { FunctionRecord, ProvisionedStatus, ResolvedFunction } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { specOf, whyNotRunnable } from '@weft/invoke'
import type { ProvisionedCounts, ProvisionedTarget } from '@weft/placement'
import { type ResolveCatalogue, resolveFunction } from '@weft/registry'

/** What one version or alias of a function wants ready, and of which versions. */
export interface QualifierTargets {
  readonly qualifier: string
  readonly requested: number
  readonly lastModifiedMs: number
  readonly targets: readonly ProvisionedTarget[]
}

/**
 * The environments that a function wants kept ready. An alias wants them of the version it leads to; with weights, of
 * both, as many of each as it has calls.
 */
export function qualifierTargets(
  catalogue: ResolveCatalogue,
  record: FunctionRecord,
  region: string,
): QualifierTargets[] {
  return Object.entries(record.provisioned ?? {}).map(([qualifier, { requested, lastModifiedMs }]) => ({
    qualifier,
    requested,
    lastModifiedMs,
    targets: sharesOf(catalogue, record, qualifier, requested).flatMap(({ version, count }) => {
      const spec = specOfVersion(catalogue, record, version, region)
      return spec && count > 0 ? [{ spec, count }] : []
    }),
  }))
}

function sharesOf(catalogue: ResolveCatalogue, record: FunctionRecord, qualifier: string, requested: number) {
  const alias = catalogue.alias(record.accountId, record.functionName, qualifier)
  if (!alias) return [{ version: qualifier, count: requested }]
  const second = alias.additional ? Math.round(requested * alias.additional.weight) : 0
  return [
    { version: alias.functionVersion, count: requested - second },
    ...(alias.additional ? [{ version: alias.additional.version, count: second }] : []),
  ]
}

/** What a worker needs to run the version; undefined of one that cannot run. */
export function specOfVersion(
  catalogue: ResolveCatalogue,
  record: FunctionRecord,
  version: string,
  region: string,
): SandboxSpec | undefined {
  const { accountId, functionName } = record
  const resolved = resolveFunction(catalogue, { accountId, region }, functionName, version)
  if (!resolved.ok || whyNotRunnable(resolved.value.version) !== undefined) return undefined
  return specOf(resolved.value satisfies ResolvedFunction, region)
}

/** All targets of a function; versions that two qualifiers lead to are wanted by both. */
export function mergedTargets(wanted: readonly QualifierTargets[]): ProvisionedTarget[] {
  const merged = new Map<string, ProvisionedTarget>()
  for (const { spec, count } of wanted.flatMap(({ targets }) => targets))
    merged.set(spec.sandboxKey, { spec, count: count + (merged.get(spec.sandboxKey)?.count ?? 0) })
  return [...merged.values()]
}

/** What has become of it. */
export function statusOf(wanted: QualifierTargets, counts: readonly ProvisionedCounts[]): ProvisionedStatus {
  let allocated = 0
  let available = 0
  let statusReason: string | undefined
  for (const { spec, count } of wanted.targets) {
    const is = counts.find(({ sandboxKey }) => sandboxKey === spec.sandboxKey)
    if (!is) continue
    allocated += Math.min(count, is.allocated)
    available += Math.min(count, is.available)
    if (is.failure === 'init') statusReason = 'FUNCTION_ERROR_INIT_FAILURE'
    else if (is.failure === 'never') statusReason = 'No worker can run this version.'
  }
  const figures = { allocated, available }
  if (available >= wanted.requested) return { ...figures, status: 'READY' }
  return statusReason === undefined
    ? { ...figures, status: 'IN_PROGRESS' }
    : { ...figures, status: 'FAILED', statusReason }
}
