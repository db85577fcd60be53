/**
 * How long a sandbox without calls is kept, decided per function from the gaps between its calls. Times are monotonic
 * ms of one process.
 */
export interface KeepWarmPolicy {
  /** A call came `gapMs` after the function's last one had ended. */
  observe(key: string, gapMs: number): void
  plan(key: string): KeepWarmPlan
}

/** Measured from the end of the last call. */
export interface KeepWarmPlan {
  /** What is idle is kept for this time. */
  readonly keepMs: number
  /** Then nothing is, until one is made ready ahead of the call that is expected. */
  readonly again?: { readonly fromMs: number; readonly untilMs: number }
}

/** The same time for every function. */
export class FixedKeepWarm implements KeepWarmPolicy {
  readonly #plan: KeepWarmPlan

  constructor(keepMs: number) {
    this.#plan = { keepMs }
  }

  observe(): void {}

  plan(): KeepWarmPlan {
    return this.#plan
  }
}

export interface LearningOptions {
  /** Of a function that nothing is known of, or whose gaps are beyond reckoning. */
  readonly unknownMs: number
  readonly binMs: number
  /** Gaps of `bins * binMs` and more are not reckoned with. */
  readonly bins: number
  /** Gaps seen before they count as known. */
  readonly enough: number
  /** Shares of the gaps that end before the wait for them begins, and before it ends. */
  readonly head: number
  readonly tail: number
  /** Both are widened by this share. */
  readonly margin: number
  readonly functions: number
}

/** A minute's bins over four hours, and the margins, are those of the study named below. */
export const learningDefaults: LearningOptions = {
  unknownMs: 10 * 60_000,
  binMs: 60_000,
  bins: 240,
  enough: 6,
  head: 0.05,
  tail: 0.99,
  margin: 0.1,
  functions: 10_000,
}

/** A bin holds 16 bits. */
const mostInBin = 60_000

interface Histogram {
  readonly bins: Uint16Array
  seen: number
  beyond: number
}

/**
 * The hybrid histogram policy (Shahrad et al., "Serverless in the Wild", USENIX ATC 2020): a function whose gaps have a
 * pattern is kept until nearly all of them would have ended, or let go and made ready again shortly before the next
 * call where even the shortest are long; any other function is kept for a fixed time.
 */
export class LearningKeepWarm implements KeepWarmPolicy {
  readonly #options: LearningOptions
  readonly #histograms = new Map<string, Histogram>()

  constructor(options: Partial<LearningOptions> = {}) {
    this.#options = { ...learningDefaults, ...options }
  }

  observe(key: string, gapMs: number): void {
    const { bins, binMs, functions } = this.#options
    const histogram = this.#histograms.get(key) ?? { bins: new Uint16Array(bins), seen: 0, beyond: 0 }
    // The one not seen for longest is forgotten first.
    this.#histograms.delete(key)
    this.#histograms.set(key, histogram)
    const [oldest] = this.#histograms.keys()
    if (this.#histograms.size > functions && oldest !== undefined) this.#histograms.delete(oldest)
    histogram.seen += 1
    const bin = Math.floor(gapMs / binMs)
    if (bin >= bins) histogram.beyond += 1
    else {
      const count = (histogram.bins[bin] ?? 0) + 1
      histogram.bins[bin] = count
      if (count >= mostInBin) halve(histogram)
    }
  }

  plan(key: string): KeepWarmPlan {
    const { unknownMs, binMs, enough, head, tail, margin } = this.#options
    const histogram = this.#histograms.get(key)
    const unknown = { keepMs: unknownMs }
    // Half of the gaps beyond the histogram: what it shows is not the function.
    if (!histogram || histogram.seen < enough || histogram.beyond * 2 > histogram.seen) return unknown
    const fromMs = quantileBin(histogram, head) * binMs * (1 - margin)
    const untilMs = (quantileBin(histogram, tail) + 1) * binMs * (1 + margin)
    // Letting go for less than two bins saves nothing.
    if (fromMs < 2 * binMs) return { keepMs: untilMs }
    return { keepMs: binMs / 2, again: { fromMs, untilMs } }
  }
}

/** The bin in which that share of the gaps has ended. */
function quantileBin({ bins, seen, beyond }: Histogram, share: number): number {
  const wanted = share * (seen - beyond)
  let sum = 0
  for (const [bin, count] of bins.entries()) {
    sum += count
    if (sum >= wanted && sum > 0) return bin
  }
  return bins.length - 1
}

/** Old habits count less than new ones, and no bin overflows. */
function halve(histogram: Histogram): void {
  histogram.seen = 0
  histogram.beyond = Math.floor(histogram.beyond / 2)
  for (const [bin, count] of histogram.bins.entries()) {
    histogram.bins[bin] = count >> 1
    histogram.seen += count >> 1
  }
  histogram.seen += histogram.beyond
}
