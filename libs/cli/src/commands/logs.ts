import { type Clock, delay } from '@weft/platform'
import type { FabricClient, LogEvent } from '../client/client.ts'
import { CommandError, exitCodes, type Io, paint } from '../io.ts'

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const pollEveryMs = 500

/** `30s`, `10m`, `2h`, `7d` before now, or an ISO 8601 time; epoch ms. */
export function parseSince(text: string, nowMs: number): number {
  const ago = /^(\d{1,9})([smhd])$/.exec(text)
  if (ago) return nowMs - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs]
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new CommandError(`--since takes 30s, 10m, 2h, 7d or an ISO 8601 time, not ${text}`, exitCodes.usage)
  return time
}

export interface LogsOptions {
  readonly sinceMs: number
  readonly follow: boolean
}

/** Prints a function's log; with `follow` until stopped. */
export async function logs(
  io: Io,
  clock: Clock,
  client: FabricClient,
  name: string,
  options: LogsOptions,
): Promise<void> {
  const group = name.startsWith('/') ? name : `/aws/lambda/${name}`
  const seen = new Set<string>()
  let sinceMs = options.sinceMs
  do {
    const read = await client.logEvents(group, sinceMs)
    if (read.ok) {
      const fresh = read.value.filter(({ eventId }) => !seen.has(eventId))
      for (const event of fresh) print(io, event)
      const newestMs = read.value.at(-1)?.timestamp ?? sinceMs
      // Lines of one millisecond may still be on their way: the next reading begins there again.
      if (newestMs > sinceMs) seen.clear()
      for (const { eventId, timestamp } of read.value) if (timestamp >= newestMs) seen.add(eventId)
      sinceMs = newestMs
    } else if (read.error.code !== 'ResourceNotFoundException') {
      throw new CommandError(`${read.error.code}: ${read.error.message}`)
    } else if (!options.follow) throw new CommandError(`${name} has no log yet`)
    if (options.follow) await delay(clock, pollEveryMs, io.stop)
  } while (options.follow && !io.stop.aborted)
}

function print(io: Io, { timestamp, message }: LogEvent): void {
  const time = paint(io.stdout, 'gray', new Date(timestamp).toISOString())
  const line = message.trimEnd()
  const platform = /^(START|END|REPORT|INIT_REPORT|INIT_START) /.test(line)
  io.stdout.write(`${time} ${platform ? paint(io.stdout, 'cyan', line) : line}\n`)
}
