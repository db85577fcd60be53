import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { PackageRecord } from './package-record.ts'

const run = promisify(execFile)
/** The output for a large machine is a few MB; a list of all that apt knows about 70. */
const maxBuffer = 512 * 1024 * 1024
const timeout = 60_000

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** Every installed Debian package; none on a machine without dpkg. */
export async function installedDebianPackages(): Promise<PackageRecord[]> {
  const fields = ['db:Status-Abbrev', 'Package', 'Version', 'Section', 'Installed-Size', 'Maintainer']
  const format = `${fields.map((field) => `\${${field}}`).join('\t')}\n`
  const listing = await run('dpkg-query', ['-W', '-f', format], { maxBuffer, timeout }).catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw error
  })
  const rows = (listing?.stdout ?? '').split('\n').map((line) => line.split('\t'))
  const installed = rows.filter(([status]) => status?.startsWith('ii'))
  return Promise.all(installed.map(([, ...row]) => withLicence(recordOf('dpkg', row as DebianRow))))
}

type DebianRow = [name: string, version: string, section: string, kibibytes: string, maintainer: string]

const recordOf = (kind: PackageRecord['kind'], [name, version, section, kibibytes, maintainer]: DebianRow) => ({
  kind,
  name,
  version,
  bytes: (Number.parseInt(kibibytes, 10) || 0) * 1024,
  ...(section && { section }),
  ...(maintainer && { maintainer }),
})

/** The licence stands in the package's copyright file, where documentation was not left out of the machine. */
async function withLicence(record: PackageRecord): Promise<PackageRecord> {
  try {
    const licence = licenceOfCopyright(await readFile(`/usr/share/doc/${record.name}/copyright`, 'utf8'))
    return licence === undefined ? record : { ...record, licence }
  } catch (error) {
    if (isMissing(error)) return record
    throw error
  }
}

/**
 * The first licence that a Debian copyright file names: a `License:` field of the machine-readable form (DEP 5), else
 * the first common licence it points to.
 */
export function licenceOfCopyright(text: string): string | undefined {
  return (
    /^License:[ \t]*(\S.*)$/m.exec(text)?.[1]?.trim() ?? /\/usr\/share\/common-licenses\/([\w.-]*\w)/.exec(text)?.[1]
  )
}

/** Up to `most` packages that apt knows and that are not installed, in apt's order; none where apt has no lists. */
export async function availableDebianPackages(installed: ReadonlySet<string>, most: number): Promise<PackageRecord[]> {
  const dump = await run('apt-cache', ['dumpavail'], { maxBuffer, timeout }).catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw error
  })
  const found: PackageRecord[] = []
  for (const stanza of (dump?.stdout ?? '').split('\n\n')) {
    if (found.length >= most) break
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? ''
    const [name, version] = [field('Package'), field('Version')]
    if (!name || !version || installed.has(name)) continue
    found.push(
      recordOf('deb-available', [name, version, field('Section'), field('Installed-Size'), field('Maintainer')]),
    )
  }
  return found
}
