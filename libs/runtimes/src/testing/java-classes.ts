import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Compiles Java sources against the handler interfaces: class files by their names, as a package holds them. */
export function compileJava(
  javaHome: string,
  jar: string,
  sources: Readonly<Record<string, string>>,
): Promise<Record<string, Buffer>> {
  return compiled(javaHome, jar, sources, async (classes) =>
    Object.fromEntries(
      readdirSync(classes, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(classes, name)).isFile())
        .map((name) => [name, readFileSync(join(classes, name))]),
    ),
  )
}

/** The same in a jar. */
export const compileJar = (javaHome: string, jar: string, sources: Readonly<Record<string, string>>): Promise<Buffer> =>
  compiled(javaHome, jar, sources, async (classes) => {
    await run(join(javaHome, 'bin/jar'), ['--create', '--file', `${classes}.jar`, '-C', classes, '.'])
    return readFileSync(`${classes}.jar`)
  })

async function compiled<T>(
  javaHome: string,
  jar: string,
  sources: Readonly<Record<string, string>>,
  take: (classes: string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-java-'))
  try {
    const files = Object.entries(sources).map(([name, text]) => {
      const path = join(dir, 'src', name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      return path
    })
    const classes = join(dir, 'classes')
    await run(join(javaHome, 'bin/javac'), ['--release', '17', '-cp', jar, '-d', classes, ...files])
    return await take(classes)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
