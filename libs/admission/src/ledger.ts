import { limits } from '@weft/contracts'
import { TokenBucket } from './token-bucket.ts'

/** What one account may run at once. Counts are concurrent invocations. */
export interface ConcurrencySettings {
  /** Of the whole account. */
  readonly accountLimit: number
  /** By function name: taken out of the account's pool, for this function only, and its upper bound. 0 stops it. */
  readonly reserved: ReadonlyMap<string, number>
  /** Capacity held ready for one version or alias, by function name; part of the function's reserved or the account's pool. */
  readonly provisioned: readonly ProvisionedCapacity[]
  /** Synchronous calls per second for each environment that a pool may have; absent: as many as they can serve. */
  readonly requestsPerEnvironment?: number | undefined
}

export interface ProvisionedCapacity {
  readonly functionName: string
  readonly version: string
  /** Environments that are initialised now. */
  readonly ready: number
}

/**
 * Why a call may not run: `account` the unreserved pool (or the whole account) is full, `function` the function's
 * reserved pool is full, `scaling` too many new environments in the last 10 s.
 */
export type Refusal = 'account' | 'function' | 'scaling'

export interface Reservation {
  readonly functionName: string
  /** Gives the slot back. Safe to call twice. */
  release(): void
}

export type Admission =
  | { readonly ok: true; readonly value: Reservation }
  | { readonly ok: false; readonly error: Exclude<Refusal, 'scaling'> }

/** The pool a reservation counts in. */
interface Pool {
  capacity: number
  used: number
}

interface FunctionUse {
  /** Reservations outside provisioned capacity. */
  onDemand: number
  readonly provisioned: Map<string, Pool>
  /** Of new environments; absent while it would be full. */
  scaling: TokenBucket | undefined
}

/** The pool that functions without a reservation share. No function name holds a blank. */
export const unreservedPool = 'unreserved pool'

/**
 * The concurrency ledger of one account. Order of admission: free provisioned capacity of the version, then the
 * function's reserved pool, or the account's unreserved pool if it has none (Lambda developer guide,
 * lambda-concurrency). Whatever the pools say, the whole account never exceeds its limit.
 *
 * Lowered limits take nothing back: counts above them drain before anything is admitted again.
 */
export class ConcurrencyLedger {
  #settings: ConcurrencySettings
  /** Of the functions without a reservation, provisioned capacity included. */
  #shared = 0
  #unreservedCapacity = 0
  #unreservedUsed = 0
  #used = 0
  readonly #functions = new Map<string, FunctionUse>()
  /** Functions that have or had provisioned capacity. */
  #provisionedFunctions: string[] = []
  /** Of synchronous calls, by pool; absent while it would be full. */
  readonly #rates = new Map<string, { readonly perSecond: number; readonly bucket: TokenBucket }>()

  constructor(settings: ConcurrencySettings) {
    this.#settings = settings
    this.configure(settings)
  }

  /** All that is admitted and not yet released. */
  get used(): number {
    return this.#used
  }

  get accountLimit(): number {
    return this.#settings.accountLimit
  }

  usedBy(functionName: string): number {
    const use = this.#functions.get(functionName)
    if (!use) return 0
    let used = use.onDemand
    for (const pool of use.provisioned.values()) used += pool.used
    return used
  }

  /** Upper bound of the function, its own reservation or the account's limit. */
  limitOf(functionName: string): number {
    return Math.min(this.#settings.reserved.get(functionName) ?? Number.POSITIVE_INFINITY, this.#settings.accountLimit)
  }

  /** Functions with equal names compete for the same slots. */
  poolOf(functionName: string): string {
    return this.#settings.reserved.has(functionName) ? functionName : unreservedPool
  }

  configure(settings: ConcurrencySettings): void {
    this.#settings = settings
    let set = 0
    for (const count of settings.reserved.values()) set += count
    this.#shared = Math.max(0, settings.accountLimit - set)
    for (const use of this.#functions.values()) for (const pool of use.provisioned.values()) pool.capacity = 0
    for (const { functionName, version, ready } of settings.provisioned) {
      if (!settings.reserved.has(functionName)) set += ready
      const { provisioned } = this.#useOf(functionName)
      const pool = provisioned.get(version)
      if (pool) pool.capacity = ready
      else provisioned.set(version, { capacity: ready, used: 0 })
    }
    this.#unreservedCapacity = Math.max(0, settings.accountLimit - set)
    this.#unreservedUsed = 0
    this.#provisionedFunctions = []
    for (const [name, use] of this.#functions) {
      for (const [version, pool] of use.provisioned)
        if (pool.capacity === 0 && pool.used === 0) use.provisioned.delete(version)
      if (!settings.reserved.has(name)) this.#unreservedUsed += use.onDemand
      if (use.provisioned.size > 0) this.#provisionedFunctions.push(name)
    }
  }

  /**
   * Takes a slot. `withheld` slots of every pool are treated as taken: they may be in use somewhere that has not
   * reported yet.
   */
  admit(functionName: string, version: string, withheld = 0): Admission {
    if (this.#used + withheld >= this.#settings.accountLimit)
      return { ok: false, error: this.#fullReason(functionName) }
    const reserved = this.#settings.reserved.get(functionName)
    const use = this.#functions.get(functionName)
    // Capacity that becomes ready or goes must not let in more than there is beside what already runs.
    const full =
      reserved === undefined
        ? this.#unreservedUsed + this.#ofUnreserved(usedOf) + withheld >= this.#shared
        : this.usedBy(functionName) + withheld >= reserved
    if (full) return { ok: false, error: reserved === undefined ? 'account' : 'function' }
    const provisioned = use?.provisioned.get(version)
    if (provisioned && provisioned.used < provisioned.capacity)
      return { ok: true, value: this.#takeProvisioned(functionName, provisioned) }
    if (reserved === undefined) {
      if (this.#unreservedUsed + this.#ofUnreserved(overflowOf) + withheld >= this.#unreservedCapacity)
        return { ok: false, error: 'account' }
    } else {
      const onDemand = (use?.onDemand ?? 0) + (use ? overflowOf(use) : 0)
      if (onDemand + withheld >= reserved - this.#provisionedOf(functionName)) return { ok: false, error: 'function' }
    }
    return { ok: true, value: this.#takeOnDemand(functionName) }
  }

  /** Takes a slot whatever the limits say: for what is found running already. */
  count(functionName: string): Reservation {
    return this.#takeOnDemand(functionName)
  }

  /** Tells how many environments of a version are initialised ahead of calls; 0 for none any more. */
  provision(functionName: string, version: string, ready: number): void {
    const others = this.#settings.provisioned.filter((p) => p.functionName !== functionName || p.version !== version)
    const provisioned = ready > 0 ? [...others, { functionName, version, ready }] : others
    this.configure({ ...this.#settings, provisioned })
  }

  get provisioned(): readonly ProvisionedCapacity[] {
    return this.#settings.provisioned
  }

  /** Asks for one more environment: +1,000 in any 10 s per function (quotas page), refilled evenly. */
  admitEnvironment(functionName: string, now: number): boolean {
    const use = this.#useOf(functionName)
    use.scaling ??= new TokenBucket({
      capacity: limits.scalingEnvironmentsPerWindow,
      refillMs: limits.scalingWindowMs,
      now,
    })
    return use.scaling.take(now)
  }

  /**
   * Counts synchronous calls that were let in; for how long no more may be, ms. What was let in too much is owed, so that
   * over time the rate is kept, whoever lets in and however late he tells.
   */
  spend(functionName: string, calls: number, now: number): number {
    const { requestsPerEnvironment, reserved } = this.#settings
    if (requestsPerEnvironment === undefined) return 0
    const pool = this.poolOf(functionName)
    const perSecond = requestsPerEnvironment * (reserved.get(functionName) ?? this.#shared)
    // Without any concurrency nothing runs, at whatever rate.
    if (perSecond === 0) return 0
    const known = this.#rates.get(pool)
    const rate =
      known?.perSecond === perSecond
        ? known
        : { perSecond, bucket: new TokenBucket({ capacity: perSecond, refillMs: 1_000, now }) }
    this.#rates.set(pool, rate)
    rate.bucket.spend(calls, now)
    return rate.bucket.waitMs(now)
  }

  /** Drops what equals a function never seen. */
  forgetIdle(now: number): void {
    for (const [pool, { bucket }] of this.#rates) if (bucket.full(now)) this.#rates.delete(pool)
    for (const [name, use] of this.#functions) {
      if (use.scaling?.full(now)) use.scaling = undefined
      this.#drop(name, use)
    }
  }

  #fullReason(functionName: string): 'account' | 'function' {
    const reserved = this.#settings.reserved.get(functionName)
    return reserved !== undefined && this.usedBy(functionName) >= reserved ? 'function' : 'account'
  }

  /** A figure of the provisioned capacity of functions that draw on the shared pool. */
  #ofUnreserved(figure: (use: FunctionUse) => number): number {
    let sum = 0
    for (const functionName of this.#provisionedFunctions) {
      const use = this.#functions.get(functionName)
      if (use && !this.#settings.reserved.has(functionName)) sum += figure(use)
    }
    return sum
  }

  #provisionedOf(functionName: string): number {
    let sum = 0
    for (const pool of this.#functions.get(functionName)?.provisioned.values() ?? []) sum += pool.capacity
    return sum
  }

  #takeProvisioned(functionName: string, pool: Pool): Reservation {
    pool.used += 1
    this.#used += 1
    return this.#reservation(functionName, () => {
      pool.used -= 1
    })
  }

  #takeOnDemand(functionName: string): Reservation {
    const use = this.#useOf(functionName)
    use.onDemand += 1
    this.#used += 1
    if (!this.#settings.reserved.has(functionName)) this.#unreservedUsed += 1
    return this.#reservation(functionName, () => {
      use.onDemand -= 1
      // The pool it counts in is the one of now: a reservation may have come or gone since.
      if (!this.#settings.reserved.has(functionName)) this.#unreservedUsed -= 1
      this.#drop(functionName, use)
    })
  }

  #reservation(functionName: string, undo: () => void): Reservation {
    let held = true
    return {
      functionName,
      release: () => {
        if (!held) return
        held = false
        this.#used -= 1
        undo()
      },
    }
  }

  #useOf(functionName: string): FunctionUse {
    let use = this.#functions.get(functionName)
    if (!use) {
      use = { onDemand: 0, provisioned: new Map(), scaling: undefined }
      this.#functions.set(functionName, use)
    }
    return use
  }

  #drop(functionName: string, use: FunctionUse): void {
    if (use.onDemand > 0 || use.provisioned.size > 0 || use.scaling) return
    if (this.#functions.get(functionName) === use) this.#functions.delete(functionName)
  }
}

/** What runs in provisioned capacity. */
function usedOf({ provisioned }: FunctionUse): number {
  let sum = 0
  for (const { used } of provisioned.values()) sum += used
  return sum
}

/** What of it runs in capacity that is no more: the pool of the function has to bear it. */
function overflowOf({ provisioned }: FunctionUse): number {
  let sum = 0
  for (const { used, capacity } of provisioned.values()) sum += Math.max(0, used - capacity)
  return sum
}
