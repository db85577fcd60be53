import { createHash } from 'node:crypto'

/** One package that exists on this machine; what travels on the stream, as JSON. */
export interface PackageRecord {
  /** dpkg: installed Debian package; npm: installed in the project; deb-available: known to apt, not installed. */
  readonly kind: 'dpkg' | 'npm' | 'deb-available'
  readonly name: string
  readonly version: string
  /** Installed size. */
  readonly bytes: number
  readonly licence?: string
  readonly section?: string
  readonly maintainer?: string
}

/** Equal for the same version of the same package, however often it is found. */
export const packageId = ({ kind, name, version }: PackageRecord): string => `${kind}:${name}@${version}`

/** `packages.<kind>.<digest>`: one subject per package, so that the stream itself knows which it has. */
export const packageSubject = (record: PackageRecord): string =>
  `packages.${record.kind}.${createHash('sha256').update(packageId(record)).digest('hex').slice(0, 24)}`
