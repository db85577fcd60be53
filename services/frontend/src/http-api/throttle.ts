import type { HttpRouteSettings, HttpStage } from '@weft/contracts'

/** What AWS gives an account in a region. API Gateway's quotas. */
export const accountThrottle = { burst: 5_000, rate: 10_000 } as const

/** Requests of one route of one stage that may come: a bucket that starts full. */
interface Bucket extends ThrottleLimits {
  readonly requests: number
  readonly atMs: number
}

export interface ThrottleLimits {
  readonly burst: number
  /** Per second. */
  readonly rate: number
}

/**
 * Counts requests by route, in this process: every frontend lets so many through. Times are monotonic ms. Buckets that are
 * full again are forgotten.
 */
export class Throttle {
  readonly #buckets = new Map<string, Bucket>()
  #sweepAt = 0

  /** Whether a request may come now. `key` names route, stage and API. */
  admit(key: string, { burst, rate }: ThrottleLimits, nowMs: number): boolean {
    this.#sweep(nowMs)
    const bucket = this.#buckets.get(key)
    // A limit that was lowered holds at once.
    const requests = bucket ? Math.min(burst, filled(bucket, nowMs)) : burst
    const admitted = requests >= 1
    this.#buckets.set(key, { requests: admitted ? requests - 1 : requests, atMs: nowMs, burst, rate })
    return admitted
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweepAt) return
    this.#sweepAt = nowMs + sweepMs
    for (const [key, bucket] of this.#buckets) if (filled(bucket, nowMs) >= bucket.burst) this.#buckets.delete(key)
  }
}

const filled = ({ requests, atMs, rate }: Bucket, nowMs: number): number => requests + ((nowMs - atMs) * rate) / 1_000

const sweepMs = 60_000

/** The limits of a route: its own, else the stage's, else the account's. */
export function throttleOf(stage: HttpStage, routeKey: string): ThrottleLimits {
  const own: HttpRouteSettings = Object.hasOwn(stage.routeSettings, routeKey)
    ? (stage.routeSettings[routeKey] as HttpRouteSettings)
    : {}
  const usual = stage.defaultRouteSettings
  return {
    burst: own.throttlingBurstLimit ?? usual.throttlingBurstLimit ?? accountThrottle.burst,
    rate: own.throttlingRateLimit ?? usual.throttlingRateLimit ?? accountThrottle.rate,
  }
}
