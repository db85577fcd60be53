import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PackageRecord } from './package-record.ts'

/** Every package installed below a `node_modules` folder, nested ones included; links to workspaces are not installed. */
export async function installedNpmPackages(nodeModules: string): Promise<PackageRecord[]> {
  const folders = await packageFolders(nodeModules)
  const records: PackageRecord[] = []
  for (const folder of folders) {
    const record = await recordOf(folder)
    if (record) records.push(record)
    records.push(...(await installedNpmPackages(join(folder, 'node_modules'))))
  }
  return records
}

async function packageFolders(nodeModules: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await foldersOf(nodeModules)) {
    if (name.startsWith('.')) continue
    if (name.startsWith('@'))
      found.push(...(await foldersOf(join(nodeModules, name))).map((part) => join(nodeModules, name, part)))
    else found.push(join(nodeModules, name))
  }
  return found
}

async function foldersOf(parent: string): Promise<string[]> {
  try {
    const entries = await readdir(parent, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function recordOf(folder: string): Promise<PackageRecord | undefined> {
  let manifest: { name?: unknown; version?: unknown; license?: unknown; author?: unknown }
  try {
    manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as typeof manifest
  } catch (error) {
    // A folder without a manifest is no package.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (typeof manifest.name !== 'string' || typeof manifest.version !== 'string') return undefined
  const licence = textOf(manifest.license, 'type')
  const maintainer = textOf(manifest.author, 'name')
  return {
    kind: 'npm',
    name: manifest.name,
    version: manifest.version,
    bytes: await bytesOf(folder),
    ...(licence && { licence }),
    ...(maintainer && { maintainer }),
  }
}

/** npm allows a text or an object with a field of that meaning. */
const textOf = (value: unknown, field: string): string | undefined => {
  const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : value
  return typeof text === 'string' ? text : undefined
}

/** Sum of the sizes of the package's own files. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true })
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name)
    if (entry.isFile()) return (await stat(path)).size
    return entry.isDirectory() && entry.name !== 'node_modules' ? bytesOf(path) : 0
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
