import type { AccountId, FunctionName, FunctionRecord, ProvisionedScaling, ScalingActivity } from '@weft/contracts'
import type { ProvisionedCounts } from '@weft/placement'
import type { Clock, Logger, Timer } from '@weft/platform'
import { type Catalogue, provision, qualifiedOf, type Store, withQualified } from '@weft/registry'
import { qualifierTargets } from '../provisioned-targets.ts'
import { actOnSchedules } from './scheduled.ts'
import { type Step, track } from './target-tracking.ts'
import { Utilization } from './utilization.ts'

export interface ScalerParts {
  readonly catalogue: Catalogue
  readonly functions: Store<FunctionRecord>
  readonly region: string
  readonly clock: Clock
  readonly log: Logger
  readonly newId: () => string
  readonly counts: (account: AccountId, name: FunctionName) => readonly ProvisionedCounts[]
}

/** How often use is measured and schedules are looked at, ms. */
const lookMs = 1_000
/** So many activities are kept of each target. */
const mostActivities = 20

interface Tracked {
  readonly use: Utilization
  scaledOutMs?: number
  scaledInMs?: number
}

interface Decision {
  readonly scaling: ProvisionedScaling
  readonly capacity: number
  readonly cause: string
  readonly direction?: Step['direction']
}

/**
 * Scales the provisioned concurrency of the functions of one lead: within bounds, by use, and at times. Who leads
 * measures anew, so a takeover delays a policy by the minutes it looks at; what schedules have done is kept with the function.
 */
export class ProvisionedScaler {
  readonly #parts: ScalerParts
  readonly #functions = new Map<string, FunctionRecord>()
  /** By key of the function and qualifier. */
  readonly #tracked = new Map<string, Tracked>()
  #timer: Timer | undefined
  #looking = false
  #stopped = false

  constructor(parts: ScalerParts) {
    this.#parts = parts
  }

  /** The function, one of its versions or one of its aliases has changed. */
  changed(account: AccountId, name: FunctionName): void {
    const record = this.#parts.catalogue.function(account, name)
    const key = `${account}.${name}`
    if (record?.scaling) this.#functions.set(key, record)
    else if (!this.#functions.delete(key)) return
    for (const tracked of this.#tracked.keys())
      if (tracked.startsWith(`${key}:`) && !record?.scaling?.[tracked.slice(key.length + 1)])
        this.#tracked.delete(tracked)
    this.#lookSoon()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #lookSoon(): void {
    if (this.#stopped || this.#timer || this.#functions.size === 0) return
    this.#timer = this.#parts.clock.schedule(lookMs, () => {
      this.#timer = undefined
      void this.#look()
      this.#lookSoon()
    })
  }

  async #look(): Promise<void> {
    // A slow store is not asked for more at once; the next look sees what has come due meanwhile.
    if (this.#looking) return
    this.#looking = true
    try {
      for (const record of [...this.#functions.values()])
        for (const qualifier of Object.keys(record.scaling ?? {})) await this.#tend(record, qualifier)
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'provisioned concurrency could not be scaled')
    } finally {
      this.#looking = false
    }
  }

  async #tend(record: FunctionRecord, qualifier: string): Promise<void> {
    const { clock, functions } = this.#parts
    const nowMs = clock.now()
    const tracked = this.#measure(record, qualifier, nowMs)
    if (!decide(record, qualifier, tracked, nowMs)) return
    const key = `${record.accountId}.${record.functionName}`
    // Decided again by what is in the store: the catalogue may be behind it.
    const stored = await functions.read(key)
    const decision = stored && decide(stored.value, qualifier, tracked, nowMs)
    if (!decision || this.#stopped) return
    const next = this.#carryOut(stored.value, qualifier, decision, nowMs)
    const written = await functions.replace(key, next, stored.revision)
    // Another has changed the function: the next look decides by that.
    if (!written.ok) return
    tracked.use.reset()
    if (decision.direction === 'out') tracked.scaledOutMs = nowMs
    if (decision.direction === 'in') tracked.scaledInMs = nowMs
  }

  #measure(record: FunctionRecord, qualifier: string, nowMs: number): Tracked {
    const { catalogue, counts, region } = this.#parts
    const key = `${record.accountId}.${record.functionName}:${qualifier}`
    const tracked = this.#tracked.get(key) ?? { use: new Utilization() }
    this.#tracked.set(key, tracked)
    const targets =
      qualifierTargets(catalogue, record, region).find((one) => one.qualifier === qualifier)?.targets ?? []
    const keys = new Set(targets.map(({ spec }) => spec.sandboxKey))
    let [available, busy] = [0, 0]
    for (const one of counts(record.accountId, record.functionName)) {
      if (!keys.has(one.sandboxKey)) continue
      available += one.available
      busy += one.busy
    }
    if (available > 0) tracked.use.add(nowMs, busy / available)
    return tracked
  }

  #carryOut(record: FunctionRecord, qualifier: string, decision: Decision, nowMs: number): FunctionRecord {
    const before = capacityOf(record, qualifier)
    const { scaling, capacity, cause } = decision
    if (capacity === before) return withQualified(record, 'scaling', qualifier, scaling)
    const changed = this.#provision(record, qualifier, capacity, nowMs)
    const activity: ScalingActivity = {
      ...{ activityId: this.#parts.newId(), atMs: nowMs, cause },
      description: `Setting desired concurrency to ${capacity}.`,
      ...(changed.ok
        ? { status: 'Successful' as const }
        : { status: 'Failed' as const, message: changed.error.message }),
    }
    const activities = [activity, ...scaling.activities].slice(0, mostActivities)
    return withQualified(changed.ok ? changed.value : record, 'scaling', qualifier, { ...scaling, activities })
  }

  #provision(record: FunctionRecord, qualifier: string, wanted: number, nowMs: number) {
    const { catalogue } = this.#parts
    if (wanted === 0) return { ok: true as const, value: withQualified(record, 'provisioned', qualifier, undefined) }
    const accountLimit = catalogue.account(record.accountId)?.concurrencyLimit ?? 0
    const functions = catalogue.functions(record.accountId)
    return provision(record, { qualifier, wanted, accountLimit, functions, nowMs }, catalogue)
  }
}

const capacityOf = (record: FunctionRecord, qualifier: string): number =>
  qualifiedOf(record, 'provisioned', qualifier)?.requested ?? 0

/** What is to be done for a qualifier now; undefined: nothing. */
function decide(
  record: FunctionRecord,
  qualifier: string,
  { use, scaledOutMs, scaledInMs }: Tracked,
  nowMs: number,
): Decision | undefined {
  const is = qualifiedOf(record, 'scaling', qualifier)
  if (!is) return undefined
  const capacity = capacityOf(record, qualifier)
  const acted = actOnSchedules(is, nowMs)
  const scaling = acted?.scaling ?? is
  const bounded = Math.max(scaling.minCapacity, Math.min(scaling.maxCapacity, capacity))
  const failedAtMs = is.activities[0]?.status === 'Failed' ? is.activities[0].atMs : undefined
  const resting = failedAtMs !== undefined && nowMs < failedAtMs + retryMs
  if (acted) {
    const cause =
      acted.actions.length > 0
        ? `scheduled action ${acted.actions.join(', ')} was due`
        : 'scheduled scaling is suspended'
    return { scaling, capacity: bounded, cause }
  }
  if (resting) return undefined
  if (bounded !== capacity) {
    const side = bounded > capacity ? 'minimum' : 'maximum'
    return { scaling, capacity: bounded, cause: `the ${side} capacity was set to ${bounded}` }
  }
  const step = track({ scaling, capacity, minutes: use.minutes, nowMs, scaledOutMs, scaledInMs })
  return step && { ...step, scaling, cause: `monitor of policy ${step.policy} asked to scale ${step.direction}` }
}

/** What was refused is asked for again after this time. */
const retryMs = 60_000
