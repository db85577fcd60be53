import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AdminConnection, FabricConnection } from '@weft/contracts'

const files = { connection: 'connection.json', admin: 'admin.json' } as const

/** Written when the fabric is ready and not before: whole or not at all, readable by their owner only. */
export function writeConnections(dataDir: string, connection: FabricConnection, admin: AdminConnection): void {
  // The one that says that the fabric is ready comes last.
  write(join(dataDir, files.admin), admin)
  write(join(dataDir, files.connection), connection)
}

/** Also before a start: what a killed fabric left would lead clients nowhere. */
export function removeConnections(dataDir: string): void {
  for (const file of Object.values(files)) rmSync(join(dataDir, file), { force: true })
}

function write(path: string, content: object): void {
  rmSync(`${path}.part`, { force: true })
  writeFileSync(`${path}.part`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.part`, path)
}
