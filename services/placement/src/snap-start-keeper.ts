import {
  type AccountId,
  type FunctionName,
  type FunctionVersion,
  type SnapStartEntry,
  snapStartKey,
} from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { ProvisionedCounts, ProvisionedTarget } from '@weft/placement'
import type { Clock, Logger, Timer } from '@weft/platform'
import {
  type Catalogue,
  type Collection,
  hasSnapStart,
  nextSnapStart,
  type SnapStartFacts,
  wantsSnapStart,
} from '@weft/registry'
import { specOfVersion } from './provisioned-targets.ts'

export interface SnapStartParts {
  readonly catalogue: Catalogue
  readonly entries: Collection<SnapStartEntry>
  readonly region: string
  readonly epoch: number
  readonly clock: Clock
  readonly log: Logger
  readonly wanted: (account: AccountId, name: FunctionName, targets: readonly ProvisionedTarget[]) => void
  readonly counts: (account: AccountId, name: FunctionName) => readonly ProvisionedCounts[]
}

/**
 * Environments of a version that wait, initialised, for calls that find no other one: one for every so many that it had in
 * use at once of late, at least one.
 */
const waiting = { forEach: 4, most: 8 }
/** How often it looks at versions whose first environment is on its way, and at the others, ms. */
const lookMs = { soon: 100, later: 60_000 }

interface Version {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly version: FunctionVersion
  readonly spec: SandboxSpec
}

/**
 * The versions with SnapStart of one lead: has environments initialised for them, and tells how far each is. What it tells
 * outlives the lead, so that its successor goes on from there.
 */
export class SnapStartKeeper {
  readonly #parts: SnapStartParts
  readonly #versions = new Map<string, Version>()
  /** What was told last, where the collection may not have heard of it yet. */
  readonly #told = new Map<string, SnapStartEntry>()
  /** Keys of versions that are no more. */
  readonly #gone = new Set<string>()
  /** How many were asked for last. */
  readonly #counts = new Map<string, number>()
  #timer: { readonly atMs: number; readonly timer: Timer } | undefined
  #looking = false
  #stopped = false

  constructor(parts: SnapStartParts) {
    this.#parts = parts
  }

  /** The function or one of its versions has changed. */
  changed(account: AccountId, name: FunctionName): void {
    const { catalogue, region } = this.#parts
    const record = catalogue.function(account, name)
    const had = this.#keysOf(account, name)
    const versions = record ? catalogue.versions(account, name).filter(hasSnapStart) : []
    if (had.length + versions.length === 0) return
    for (const key of had) this.#versions.delete(key)
    for (const version of versions) {
      const spec = record && specOfVersion(catalogue, record, version.version, region)
      const key = snapStartKey(account, name, version.version)
      if (spec) this.#versions.set(key, { accountId: account, functionName: name, version, spec })
      this.#gone.delete(key)
    }
    for (const key of had) if (!this.#versions.has(key)) this.#gone.add(key)
    this.#want(account, name)
    this.#lookIn(lookMs.soon)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.timer.cancel()
  }

  #keysOf(account: AccountId, name: FunctionName): string[] {
    return [...this.#versions]
      .filter(([, one]) => one.accountId === account && one.functionName === name)
      .map(([key]) => key)
  }

  #want(account: AccountId, name: FunctionName): void {
    const targets = this.#keysOf(account, name).flatMap((key) => {
      const one = this.#versions.get(key) as Version
      const entry = this.#entryOf(key, one)
      const count = this.#countFor(this.#countsOf(one))
      this.#counts.set(key, count)
      const urgent = entry === undefined || entry.state === 'Pending'
      return urgent || wantsSnapStart(entry) ? [{ spec: one.spec, count, urgent }] : []
    })
    this.#parts.wanted(account, name, targets)
  }

  /** How far it was; undefined when nothing is known of this version. */
  #entryOf(key: string, { version }: Version): SnapStartEntry | undefined {
    const entry = this.#told.get(key) ?? this.#parts.entries.get(key)
    return entry?.revisionId === version.revisionId ? entry : undefined
  }

  #lookIn(ms: number): void {
    const { clock } = this.#parts
    const atMs = clock.monotonic() + ms
    if (this.#stopped || (this.#timer && this.#timer.atMs <= atMs)) return
    this.#timer?.timer.cancel()
    const timer = clock.schedule(ms, () => {
      this.#timer = undefined
      void this.#look()
    })
    this.#timer = { atMs, timer }
  }

  async #look(): Promise<void> {
    // A slow store is not asked for more at once.
    if (this.#looking) return this.#lookIn(lookMs.soon)
    this.#looking = true
    let pending = false
    try {
      for (const key of this.#gone) {
        await this.#forget(key)
        this.#gone.delete(key)
      }
      for (const [key, one] of [...this.#versions]) {
        const entry = await this.#settle(key, one)
        pending ||= entry === undefined || entry.state === 'Pending'
      }
    } catch (error) {
      pending = true
      this.#parts.log.warn({ err: error }, 'the state of versions with SnapStart could not be told')
    } finally {
      this.#looking = false
    }
    if (this.#versions.size + this.#gone.size > 0) this.#lookIn(pending ? lookMs.soon : lookMs.later)
  }

  /** Tells how far a version is now, if that has changed; resolves to what is known of it. */
  async #settle(key: string, one: Version): Promise<SnapStartEntry | undefined> {
    const { entries, epoch, clock } = this.#parts
    const known = this.#entryOf(key, one)
    const is = this.#countsOf(one)
    const next = nextSnapStart(known, this.#factsOf(one, is), clock.now())
    if (next === known) {
      if (this.#counts.get(key) !== this.#countFor(is)) this.#want(one.accountId, one.functionName)
      return known
    }
    const stored = await entries.store.read(key)
    // A later leader has taken over.
    if (this.#stopped || (stored && stored.value.epoch > epoch)) return known
    const { accountId, functionName, version } = one
    const of = { accountId, functionName, version: version.version, revisionId: version.revisionId }
    const entry: SnapStartEntry = { ...of, ...next, epoch }
    const written = stored
      ? await entries.store.replace(key, entry, stored.revision)
      : await entries.store.create(key, entry)
    if (!written.ok) return known
    this.#told.set(key, entry)
    if (known?.state !== entry.state) this.#want(accountId, functionName)
    return entry
  }

  #countFor(is: ProvisionedCounts | undefined): number {
    const peak = is?.peakLeases(this.#parts.clock.monotonic()) ?? 0
    return Math.min(waiting.most, Math.max(1, Math.ceil(peak / waiting.forEach)))
  }

  #countsOf({ accountId, functionName, spec }: Version): ProvisionedCounts | undefined {
    return this.#parts.counts(accountId, functionName).find(({ sandboxKey }) => sandboxKey === spec.sandboxKey)
  }

  #factsOf({ accountId, functionName, version }: Version, is: ProvisionedCounts | undefined): SnapStartFacts {
    const { catalogue, clock } = this.#parts
    const usedAt = is && (is.leases > 0 ? clock.monotonic() : is.lastLeasedAt)
    return {
      ready: is?.everAvailable ?? false,
      failure: is?.failure === 'init' ? is.failureReason || 'Runtime.Unknown' : undefined,
      lastUsedMs: usedAt === undefined ? undefined : clock.now() - (clock.monotonic() - usedAt),
      wokenMs: catalogue.function(accountId, functionName)?.wokenSnapStarts?.[version.version],
    }
  }

  async #forget(key: string): Promise<void> {
    const { entries, epoch } = this.#parts
    this.#told.delete(key)
    this.#counts.delete(key)
    const stored = await entries.store.read(key)
    if (stored && stored.value.epoch <= epoch) await entries.store.remove(key, stored.revision)
  }
}
