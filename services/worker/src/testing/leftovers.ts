import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Mounts, folders and processes of sandboxes that are still there, by the data folder they belong to. */
export function leftovers(dataDir: string): readonly string[] {
  const left: string[] = []
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(dataDir)) left.push('a mount')
  for (const folder of ['process-sandboxes', 'sandboxes']) {
    const path = join(dataDir, folder)
    if (existsSync(path) && readdirSync(path).length > 0) left.push(path)
  }
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (
        pid !== `${process.pid}` &&
        (command.includes(dataDir) || readlinkSync(`/proc/${pid}/cwd`).startsWith(dataDir))
      )
        left.push(`process ${pid}: ${command}`)
    } catch {
      // It ended while it was looked at.
    }
  }
  return left
}
