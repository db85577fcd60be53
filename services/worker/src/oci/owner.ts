import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * Twelve hex digits, the mark of a worker's things on its host. By its data folder and not by the path alone: workers in
 * containers share the tree of cgroups, and may all call different folders by one path.
 */
export function ownerOf(dataDir: string): string {
  const { dev, ino } = statSync(dataDir)
  const identity = `${resolve(dataDir)} ${dev} ${ino}`
  return createHash('sha256').update(identity).digest('hex').slice(0, 12)
}
