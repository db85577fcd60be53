import { once } from 'node:events'
import type { Clock } from '@weft/platform'
import Docker from 'dockerode'

/** What every call to the engine carries: a hung runtime can hang the engine's answer for minutes. */
export type Call = { readonly abortSignal: AbortSignal }

export class EngineTimeout extends Error {
  constructor(what: string, timeoutMs: number) {
    super(`the Docker engine did not ${what} within ${timeoutMs} ms`)
    this.name = 'EngineTimeout'
  }
}

/** Runs one call with a deadline. The call is given up at the deadline; the engine may still carry it out later. */
export async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  run: (call: Call) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const timer = clock.schedule(timeoutMs, () => abort.abort())
  // A call that does not heed its signal must not hold its caller either.
  const late = once(abort.signal, 'abort').then((): never => {
    throw new EngineTimeout(what, timeoutMs)
  })
  late.catch(() => {})
  try {
    return await Promise.race([run({ abortSignal: abort.signal }), late])
  } catch (error) {
    throw abort.signal.aborted ? new EngineTimeout(what, timeoutMs) : error
  } finally {
    timer.cancel()
  }
}

/** HTTP status of the engine's refusal, undefined for anything else that went wrong. */
export const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined

/** One sentence for a person who wants the engine to work. */
export function engineProblem(error: unknown, socketPath: string): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return `there is no Docker socket at ${socketPath}: is a Docker engine installed and running?`
  if (code === 'ECONNREFUSED') return `nothing listens on ${socketPath}: the Docker engine is not running`
  if (code === 'EACCES') return `this user may not use ${socketPath}: run as root or as a member of its group`
  return error instanceof Error ? error.message : String(error)
}

export const connectEngine = (socketPath: string): Docker => new Docker({ socketPath })
