import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What seals session credentials, markers and links. */
export const clusterSecret = (dataDir: string): string => keptSecret(dataDir, 'cluster-secret')

/** What opens the administration's door. */
export const adminToken = (dataDir: string): string => keptSecret(dataDir, 'admin-token')

/** Made at the first start, so that it outlives a restart. */
function keptSecret(dataDir: string, name: string): string {
  const file = join(dataDir, 'keys', name)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const secret = randomBytes(32).toString('base64url')
  writeFileSync(`${file}.part`, `${secret}\n`, { mode: 0o600 })
  renameSync(`${file}.part`, file)
  return secret
}
