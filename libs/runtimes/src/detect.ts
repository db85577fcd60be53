import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { javaClient, oldestJava } from './java-client.ts'

/** A runtime that functions can name, and the host program behind it. */
export interface DetectedRuntime {
  /** For example "nodejs24.x". */
  readonly id: string
  readonly language: 'nodejs' | 'python' | 'java' | 'ruby' | 'custom'
  /** Real path on the host; every sandbox binds the same inode, so its pages are shared. "" for custom. */
  readonly binary: string
  /** For example "24.21.0"; "" for custom. */
  readonly version: string
  /** Our own part of it where that is compiled: a file on the host. */
  readonly client?: string
  /** Host folders outside /usr that the program needs under their own names. */
  readonly needs?: readonly string[]
}

/** What the search may look at; the host by default. */
export interface HostPrograms {
  /** Output of `program --version`, or undefined when it cannot be run. */
  version(program: string): string | undefined
  /** Java installations: folder and version, for example ["/usr/lib/jvm/java-17-openjdk-amd64", "17.0.15"]. */
  javaHomes(): readonly (readonly [string, string])[]
  /** The compiled Java client, made with one of the installations; undefined when none can. */
  javaClient(homes: readonly string[]): string | undefined
  exists(path: string): boolean
}

const nodeMajors = [20, 22, 24, 26]
const pythonMinors = [9, 10, 11, 12, 13, 14, 15]
const rubies = ['3.1', '3.2', '3.3', '3.4', '4.0']
const packageRoot = fileURLToPath(new URL('..', import.meta.url))
const jvmDir = '/usr/lib/jvm'

const host: HostPrograms = {
  version(program) {
    if (program === process.execPath) return process.version
    try {
      accessSync(program, constants.X_OK)
    } catch {
      return undefined
    }
    const { stdout, status } = spawnSync(program, ['--version'], { encoding: 'utf8', env: {}, timeout: 10_000 })
    return status === 0 ? stdout.trim() : undefined
  },
  javaHomes() {
    const homes = new Map<string, string>()
    for (const name of namesIn(jvmDir).sort()) {
      const release = readIfThere(join(jvmDir, name, 'release'))
      const version = /^JAVA_VERSION="([^"]+)"$/m.exec(release ?? '')?.[1]
      if (version !== undefined) homes.set(realpathSync(join(jvmDir, name)), version)
    }
    return [...homes]
  },
  javaClient,
  exists: existsSync,
}

/**
 * The runtimes this host offers. Node.js: the set-up's own versions first, then the one Weft runs on, then the host's.
 * Python: /usr/bin/python3.N, or the administrator's own below /usr/local. Ruby: Debian's /usr/bin/rubyN.N. Java: every
 * installation below /usr/lib/jvm, given a compiler for our client. `provided.*` needs nothing from the host.
 */
export function detectRuntimes(programs: HostPrograms = host, ownNode = process.execPath): readonly DetectedRuntime[] {
  const found = [...nodes(programs, ownNode), ...pythons(programs), ...rubiesOf(programs), ...javas(programs)]
  for (const id of ['provided.al2023', 'provided.al2']) found.push({ id, language: 'custom', binary: '', version: '' })
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

function nodes(programs: HostPrograms, ownNode: string): DetectedRuntime[] {
  const versions = join(packageRoot, 'node-versions/node_modules')
  const candidates = [
    ownNode,
    ...nodeMajors.map((major) => join(versions, `nodejs${major}/bin/node`)),
    '/usr/local/bin/node',
    '/usr/bin/node',
  ]
  const found = new Map<number, DetectedRuntime>()
  for (const binary of candidates) {
    const version = programs.version(binary)?.replace(/^v/, '')
    const major = Number(version?.split('.')[0])
    if (!version || !nodeMajors.includes(major) || found.has(major)) continue
    found.set(major, { id: `nodejs${major}.x`, language: 'nodejs', binary: resolved(binary), version })
  }
  return [...found.values()]
}

function pythons(programs: HostPrograms): DetectedRuntime[] {
  return pythonMinors.flatMap((minor) => {
    for (const binary of [`/usr/bin/python3.${minor}`, `/usr/local/bin/python3.${minor}`]) {
      const version = programs.version(binary)?.replace(/^Python /, '')
      if (version) return [{ id: `python3.${minor}`, language: 'python' as const, binary: resolved(binary), version }]
    }
    return []
  })
}

function rubiesOf(programs: HostPrograms): DetectedRuntime[] {
  return rubies.flatMap((release) => {
    const binary = `/usr/bin/ruby${release}`
    const version = /^ruby (\d+\.\d+\.\d+)/.exec(programs.version(binary) ?? '')?.[1]
    return version ? [{ id: `ruby${release}`, language: 'ruby' as const, binary: resolved(binary), version }] : []
  })
}

/** The first installation of each release that our client runs on. */
function javas(programs: HostPrograms): DetectedRuntime[] {
  const homes = programs.javaHomes().filter(([, version]) => Number.parseInt(version, 10) >= oldestJava)
  const client = homes.length === 0 ? undefined : programs.javaClient(homes.map(([home]) => home))
  if (client === undefined) return []
  const found = new Map<string, DetectedRuntime>()
  for (const [home, version] of homes) {
    const major = Number.parseInt(version, 10)
    const id = `java${major}`
    if (found.has(id)) continue
    // Debian keeps the settings of its Java here.
    const settings = `/etc/java-${major}-openjdk`
    const needs = [home, settings].filter((path) => !path.startsWith('/usr/') && programs.exists(path))
    found.set(id, { id, language: 'java', binary: join(home, 'bin/java'), version, client, needs })
  }
  return [...found.values()]
}

const resolved = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    // A path that only the given `programs` know.
    return path
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
