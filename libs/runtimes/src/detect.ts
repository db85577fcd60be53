import { spawnSync } from 'node:child_process'
import { accessSync, constants, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A runtime that functions can name, and the host program behind it. */
export interface DetectedRuntime {
  /** For example "nodejs24.x". */
  readonly id: string
  readonly language: 'nodejs' | 'python' | 'custom'
  /** Real path on the host; every sandbox binds the same inode, so its pages are shared. "" for custom. */
  readonly binary: string
  /** For example "24.21.0"; "" for custom. */
  readonly version: string
}

/** What the search may look at; the host by default. */
export interface HostPrograms {
  /** Output of `program --version`, or undefined when it cannot be run. */
  version(program: string): string | undefined
}

const nodeMajors = [20, 22, 24]
const pythonMinors = [9, 10, 11, 12, 13, 14]
const packageRoot = fileURLToPath(new URL('..', import.meta.url))

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
}

/**
 * The runtimes this host offers. Node.js: the set-up's own versions first, then the one Weft runs on, then the host's.
 * Python: Debian's /usr/bin/python3.N. `provided.*` needs nothing from the host.
 */
export function detectRuntimes(programs: HostPrograms = host, ownNode = process.execPath): readonly DetectedRuntime[] {
  const versions = join(packageRoot, 'node-versions/node_modules')
  const nodes = [
    ownNode,
    ...nodeMajors.map((major) => join(versions, `nodejs${major}/bin/node`)),
    '/usr/local/bin/node',
    '/usr/bin/node',
  ]
  const found: DetectedRuntime[] = []
  for (const binary of nodes) {
    const version = programs.version(binary)?.replace(/^v/, '')
    const major = Number(version?.split('.')[0])
    const id = `nodejs${major}.x`
    if (!version || !nodeMajors.includes(major) || found.some((runtime) => runtime.id === id)) continue
    found.push({ id, language: 'nodejs', binary: resolved(binary), version })
  }
  for (const minor of pythonMinors) {
    const binary = `/usr/bin/python3.${minor}`
    const version = programs.version(binary)?.replace(/^Python /, '')
    if (version) found.push({ id: `python3.${minor}`, language: 'python', binary: resolved(binary), version })
  }
  for (const id of ['provided.al2023', 'provided.al2']) found.push({ id, language: 'custom', binary: '', version: '' })
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

const resolved = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    // A path that only the given `programs` know.
    return path
  }
}
