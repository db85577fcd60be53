import { readFile } from 'node:fs/promises'
import { type NetworkDeclaration, parseDeclaration } from './declaration.ts'

/** Reads the file in which an operator declares networks; rejects with what is wrong in it. */
export async function readNetworks(path: string): Promise<NetworkDeclaration> {
  const parsed = parseDeclaration(await readFile(path, 'utf8'))
  if (!parsed.ok) throw new Error(`${path}: ${parsed.error}`)
  return parsed.value
}
