import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'

/**
 * Hands on what a stream brings. The listener says for how long nothing more is read, ms: whoever writes faster than that is
 * held back by a full pipe, and costs its reader no more than what was read.
 */
export function handOn(stream: Readable, listener: (chunk: Buffer) => number, clock: Clock = systemClock): void {
  stream.on('data', (chunk: Buffer) => {
    const holdMs = listener(chunk)
    if (holdMs === 0) return
    stream.pause()
    clock.schedule(holdMs, () => stream.resume())
  })
}
