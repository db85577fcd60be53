import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, delay } from '@weft/platform'
import type { EnvironmentEvent } from '@weft/sandbox'
import type { Body } from './boot.ts'

/** After the exit of a runtime, how long its last words are waited for. */
const lastWordsMs = 50
/** After a runtime hung up, how long its exit is waited for before it counts as a broken protocol. */
const hangUpMs = 1_000

/** Resolves to how the runtime of a sandbox ended, once what it said before has been read. */
export async function endOf({ runtime, link }: Body, clock: Clock): Promise<EnvironmentEvent> {
  const { exited } = runtime
  const first = await Promise.race([exited, link.closed])
  const exit = first ?? (await Promise.race([exited, delay(clock, hangUpMs)]))
  if (first) await Promise.race([link.closed, delay(clock, lastWordsMs)])
  await nextTurn()
  return exit ? { kind: 'exited', exit } : { kind: 'violation', reason: 'the runtime closed its connection' }
}
