/** How long an environment has to end, ms, and how the time is shared (AWS's runtime interface emulator; Extensions API). */
import type { Extension } from './extensions-api.ts'

export interface ShutdownBudget {
  /** For everything. 0: it is killed at once. */
  readonly totalMs: number
  /** Of it, between the runtime's SIGTERM and its SIGKILL. */
  readonly runtimeMs: number
}

const internalMs = 500
const externalMs = 2_000
/** The runtime's share when there are external extensions, which end after it. */
const runtimeShare = 0.3

export function shutdownBudget(extensions: readonly Pick<Extension, 'external'>[]): ShutdownBudget {
  if (extensions.length === 0) return { totalMs: 0, runtimeMs: 0 }
  if (extensions.some(({ external }) => external)) return { totalMs: externalMs, runtimeMs: externalMs * runtimeShare }
  return { totalMs: internalMs, runtimeMs: internalMs }
}
