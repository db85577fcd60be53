import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = fileURLToPath(new URL('./java', import.meta.url))
const cacheDir = fileURLToPath(new URL('../../../.weft/runtimes', import.meta.url))

/** The release of Java that our client is written for; it runs on every later one. */
export const oldestJava = 17

/** Where the compiled client lies in the project's cache, by what it was compiled from. */
function jarPath(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of files) hash.update(`${name}\0`).update(readFileSync(join(sources, name)))
  return join(cacheDir, `java-${hash.digest('hex').slice(0, 16)}.jar`)
}

/**
 * Our Java runtime, compiled: a jar on this host. Compiles it where the cache lacks it, which takes some seconds, with the
 * compiler of one of the given JDKs. Undefined when it is not there and none of them has a compiler.
 */
export function javaClient(javaHomes: readonly string[]): string | undefined {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.java'))
    .sort()
  const jar = jarPath(files)
  if (existsSync(jar)) return jar
  const compiler = javaHomes.find((home) => existsSync(join(home, 'bin/javac')) && existsSync(join(home, 'bin/jar')))
  if (compiler === undefined) return undefined
  const mine = `${jar}.${process.pid}`
  mkdirSync(cacheDir, { recursive: true })
  try {
    const classes = `${mine}.classes`
    run(join(compiler, 'bin/javac'), [
      ...['--release', `${oldestJava}`, '-encoding', 'UTF-8', '-d', classes],
      ...files.map((name) => join(sources, name)),
    ])
    run(join(compiler, 'bin/jar'), ['--create', '--file', mine, '-C', classes, '.'])
    // Another process may have made the same meanwhile.
    renameSync(mine, jar)
  } finally {
    rmSync(mine, { force: true })
    rmSync(`${mine}.classes`, { recursive: true, force: true })
  }
  return jar
}

function run(program: string, args: readonly string[]): void {
  const { status, signal, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env: {} })
  if (error) throw error
  if (status !== 0) throw new Error(`${program} failed (${status ?? signal}): ${stderr.trim()}`)
}
