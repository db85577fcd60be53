import { err, ok, type Result } from '@weft/contracts'

/** State that a function hands from one run to the next of its window, bytes (developer guide, with-kinesis). */
export const windowStateBytes = 1_048_576

/** Epoch ms; the end is not part of it. */
export interface TumblingWindow {
  readonly startMs: number
  readonly endMs: number
}

/** The window that a record of this time belongs to. */
export function windowOf(storedAtMs: number, sizeMs: number): TumblingWindow {
  const startMs = Math.floor(storedAtMs / sizeMs) * sizeMs
  return { startMs, endMs: startMs + sizeMs }
}

export interface WindowRun {
  readonly window: TumblingWindow
  readonly state: unknown
  readonly shardId: string
  readonly eventSourceARN: string
  readonly isFinal: boolean
  readonly isTerminatedEarly: boolean
}

/** What the event of a windowed run has beside its records. */
export const windowMembers = (run: WindowRun) => ({
  window: { start: isoSeconds(run.window.startMs), end: isoSeconds(run.window.endMs) },
  state: run.state,
  shardId: run.shardId,
  eventSourceARN: run.eventSourceARN,
  isFinalInvokeForWindow: run.isFinal,
  isWindowTerminatedEarly: run.isTerminatedEarly,
})

const isoSeconds = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z')

/** Reads the state from an answer: `{"state": {…}}`. 'too-large': over 1 MB, which ends the window early. */
export function readWindowState(answer: Uint8Array): Result<unknown, 'missing' | 'too-large'> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(answer))
  } catch {
    return err('missing')
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'state')) return err('missing')
  const { state } = value as { readonly state: unknown }
  if (typeof state !== 'object' || Array.isArray(state)) return err('missing')
  return Buffer.byteLength(JSON.stringify(state)) > windowStateBytes ? err('too-large') : ok(state ?? {})
}
