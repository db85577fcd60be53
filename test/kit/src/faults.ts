import type { Channel } from '@weft/platform'
import { faultyChannel } from './faulty-channel.ts'

export type FaultKind =
  /** The call is not made; the caller sees a timeout. */
  | 'timeout'
  /** The call is made and its answer thrown away; the caller sees a timeout. */
  | 'done-but-timed-out'
  /** The call is not made; the caller sees that the other side is away. */
  | 'unavailable'

export class InjectedFault extends Error {
  readonly kind: FaultKind
  constructor(kind: FaultKind, call: string) {
    super(`injected ${kind} in ${call}`)
    this.kind = kind
  }
}

export interface FaultPlan {
  /** The same seed and the same order of calls give the same faults. */
  readonly seed: number
  /** Chance of each kind per call, 0 to 1; together at most 1. */
  readonly rates: Readonly<Partial<Record<FaultKind, number>>>
  /** Methods that may fail; all that return a promise when absent. */
  readonly methods?: readonly string[]
  /** Makes the error the caller of the real port would see; an InjectedFault when absent. */
  readonly error?: (kind: FaultKind, method: string) => unknown
}

export interface Faults {
  /** What was injected so far, in order. */
  readonly injected: readonly { readonly method: string; readonly kind: FaultKind }[]
  /** Ends or resumes the injection; on at first. */
  enabled: boolean
  /** A port that behaves as the given one, but for the faults. Several ports may share one plan; `methods` as there. */
  wrap<T extends object>(port: T, methods?: readonly string[]): T
  /** A channel whose connection breaks: before a frame passes it, or right after. */
  wrapChannel<In, Out>(channel: Channel<In, Out>): Channel<In, Out>
}

/** A seeded source of faults for outward ports. Synchronous methods pass through untouched. */
export function createFaults(plan: FaultPlan): Faults {
  const random = seededRandom(plan.seed)
  const injected: { method: string; kind: FaultKind }[] = []
  const kinds: readonly FaultKind[] = ['timeout', 'done-but-timed-out', 'unavailable']

  const draw = (): FaultKind | undefined => {
    let left = random()
    for (const kind of kinds) {
      left -= plan.rates[kind] ?? 0
      if (left < 0) return kind
    }
    return undefined
  }
  const faults: Faults = {
    injected,
    enabled: true,
    wrap: (port, methods = plan.methods) =>
      new Proxy(port, {
        get(target, property) {
          const value: unknown = Reflect.get(target, property, target)
          if (typeof value !== 'function') return value
          const method = String(property)
          const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args)
          if (typeof property === 'symbol' || (methods && !methods.includes(method))) return call
          return (...args: unknown[]): unknown => {
            const kind = faults.enabled ? draw() : undefined
            if (kind === undefined) return call(...args)
            const error = plan.error?.(kind, method) ?? new InjectedFault(kind, method)
            const asynchronous = methods !== undefined || value.constructor.name === 'AsyncFunction'
            if (kind !== 'done-but-timed-out' && asynchronous) {
              injected.push({ method, kind })
              return Promise.reject(error)
            }
            const answer = call(...args)
            // Whether a plain function is asynchronous shows only in what it returns; it has been called then.
            if (!(answer instanceof Promise)) return answer
            injected.push({ method, kind: 'done-but-timed-out' })
            return answer.then(() => Promise.reject(error))
          }
        },
      }),
    wrapChannel: (channel) =>
      faultyChannel(channel, (method) => {
        const kind = faults.enabled ? draw() : undefined
        if (kind) injected.push({ method, kind })
        return kind
      }),
  }
  return faults
}

/** Mulberry32: small, and good enough to choose faults. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
