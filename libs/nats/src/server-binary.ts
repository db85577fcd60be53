import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const projectCache = fileURLToPath(new URL('../../../.weft/tools/', import.meta.url))

/**
 * The nats-server program: `WEFT_NATS_SERVER`, else the one that set-up put into `.weft/tools`, else the first on the
 * PATH. Throws when there is none. Whether its version will do is checked on the running server (durability.ts).
 */
export function natsServerBinary(env: NodeJS.ProcessEnv = process.env): string {
  const candidates = [
    env.WEFT_NATS_SERVER,
    join(projectCache, 'nats-server'),
    ...(env.PATH ?? '').split(delimiter).map((dir) => join(dir, 'nats-server')),
  ]
  const found = candidates.find((path) => path && isExecutable(path))
  if (found) return found
  throw new Error('no nats-server found: run "npm start" once to set it up, or name it in WEFT_NATS_SERVER')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
