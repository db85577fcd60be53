import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { natsServerBinary } from '@weft/nats'

const versionOf = (program: string, ...args: string[]): string => {
  try {
    return (
      execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
        .trim()
        .split('\n')[0] ?? ''
    )
  } catch (error) {
    return `not found (${(error as NodeJS.ErrnoException).code ?? 'failed'})`
  }
}

/** What the figures were taken on; printed with them and kept in the JSON file. */
export const machineFacts = (): Readonly<Record<string, string | number>> => ({
  processors: cpus().length,
  model: cpus()[0]?.model ?? 'unknown',
  memoryGib: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  python: versionOf('/usr/bin/python3', '--version'),
  natsServer: versionOf(natsServerBinary(), '--version'),
  runc: versionOf('runc', '--version'),
  loadAtStart: Number((loadavg()[0] ?? 0).toFixed(2)),
})
