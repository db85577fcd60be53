import type { KeepWarmPolicy } from '@weft/placement'
import { Dice } from './random.ts'

/**
 * Calls of functions over some days, in the shapes of the Azure Functions trace of 2019 (Shahrad et al., USENIX ATC
 * 2020): three in ten are called by a timer, rates span many powers of ten with the median near one call an hour, and
 * some come in bursts.
 */
export function generateTraces(seed: number, functions: number, days: number): readonly (readonly number[])[] {
  const endMs = days * dayMs
  return Array.from({ length: functions }, (_, index) => {
    const dice = new Dice(seed * 1_000_003 + index)
    const kind = dice.next()
    const calls = kind < 0.3 ? timer(dice, endMs) : kind < 0.8 ? poisson(dice, endMs) : bursts(dice, endMs)
    return calls.slice(0, mostCalls)
  })
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
/** A function that is called all the time is warm under any policy. */
const mostCalls = 20_000

function timer(dice: Dice, endMs: number): number[] {
  const periodMs = dice.pick([1, 5, 5, 10, 15, 30, 60, 60, 120, 240]) * minuteMs
  const calls: number[] = []
  for (let at = dice.between(0, periodMs); at < endMs; at += periodMs) calls.push(at + dice.between(0, 2_000))
  return calls
}

function poisson(dice: Dice, endMs: number): number[] {
  // From one in ten seconds to one in two days, evenly over the powers of ten.
  const meanMs = 10_000 * 10 ** dice.between(0, 4.2)
  const calls: number[] = []
  for (let at = exponential(dice, meanMs); at < endMs; at += exponential(dice, meanMs)) calls.push(at)
  return calls
}

function bursts(dice: Dice, endMs: number): number[] {
  const quietMs = minuteMs * 10 ** dice.between(1, 3)
  const calls: number[] = []
  for (let at = exponential(dice, quietMs); at < endMs; at += exponential(dice, quietMs)) {
    const count = dice.integer(3, 60)
    for (let n = 0; n < count; n++) {
      calls.push(at)
      at += exponential(dice, 4_000)
    }
  }
  return calls.filter((at) => at < endMs)
}

const exponential = (dice: Dice, meanMs: number): number => -Math.log(1 - dice.next()) * meanMs

export interface KeepWarmReport {
  readonly calls: number
  /** Share of all calls. */
  readonly coldShare: number
  /** Of the functions' own shares, the middle one and the one that three quarters stay below. */
  readonly medianShare: number
  readonly upperShare: number
  /** Sandboxes held idle on average. */
  readonly idleSandboxes: number
}

/** Plays traces against a policy: a call is cold when no sandbox was kept for it; runs take no time. */
export function playTraces(traces: readonly (readonly number[])[], policy: KeepWarmPolicy): KeepWarmReport {
  let calls = 0
  let cold = 0
  let idleMs = 0
  let lastMs = 0
  const shares: number[] = []
  for (const [index, trace] of traces.entries()) {
    const key = `${index}`
    let own = 0
    for (const [n, at] of trace.entries()) {
      const before = trace[n - 1]
      const gapMs = before === undefined ? undefined : at - before
      if (gapMs === undefined) own += 1
      else {
        const { keepMs, again } = policy.plan(key)
        const warm = gapMs <= keepMs || (again !== undefined && gapMs >= again.fromMs && gapMs <= again.untilMs)
        if (!warm) own += 1
        idleMs += Math.min(gapMs, keepMs)
        if (again && gapMs > again.fromMs) idleMs += Math.min(gapMs, again.untilMs) - Math.max(keepMs, again.fromMs)
        policy.observe(key, gapMs)
      }
      lastMs = Math.max(lastMs, at)
    }
    calls += trace.length
    cold += own
    if (trace.length > 0) shares.push(own / trace.length)
  }
  shares.sort((a, b) => a - b)
  const at = (share: number): number => shares[Math.floor(share * (shares.length - 1))] ?? 0
  return {
    calls,
    coldShare: cold / calls,
    medianShare: at(0.5),
    upperShare: at(0.75),
    idleSandboxes: idleMs / lastMs,
  }
}
