import { fileURLToPath } from 'node:url'
import { availableDebianPackages, installedDebianPackages } from './debian.ts'
import { installedNpmPackages } from './npm.ts'
import { type PackageRecord, packageId } from './package-record.ts'

/** A small machine has fewer packages than this installed; it is then filled up with what apt knows. */
const enough = 500

const nodeModules = fileURLToPath(new URL('../../../../../node_modules/', import.meta.url))

/** The packages of this machine, each once. */
export async function gatherPackages(): Promise<PackageRecord[]> {
  const [debian, npm] = await Promise.all([installedDebianPackages(), installedNpmPackages(nodeModules)])
  const found = eachOnce([...debian, ...npm])
  if (found.length >= enough) return found
  const installed = new Set(debian.map(({ name }) => name))
  return eachOnce([...found, ...(await availableDebianPackages(installed, enough - found.length))])
}

const eachOnce = (records: readonly PackageRecord[]): PackageRecord[] => [
  ...new Map(records.map((record) => [packageId(record), record])).values(),
]

/** "780 installed Debian packages and 231 npm packages". */
export function describePackages(records: readonly PackageRecord[]): string {
  const names = {
    dpkg: 'installed Debian packages',
    npm: 'npm packages',
    'deb-available': 'packages that apt offers',
  } as const
  const counts = Map.groupBy(records, ({ kind }) => kind)
  const parts = [...counts].map(([kind, of]) => `${of.length.toLocaleString('en')} ${names[kind]}`)
  return new Intl.ListFormat('en').format(parts)
}
