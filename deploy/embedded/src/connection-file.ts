import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FabricConnection } from '@weft/contracts'

const fileOf = (dataDir: string): string => join(dataDir, 'connection.json')

/** Written when the fabric is ready and not before: whole or not at all, readable by its owner only. */
export function writeConnection(dataDir: string, connection: FabricConnection): void {
  const part = `${fileOf(dataDir)}.part`
  rmSync(part, { force: true })
  writeFileSync(part, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 })
  renameSync(part, fileOf(dataDir))
}

/** Also before a start: what a killed fabric left would lead clients nowhere. */
export const removeConnection = (dataDir: string): void => rmSync(fileOf(dataDir), { force: true })
