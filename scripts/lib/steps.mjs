// Small tools of the plain scripts. They run before anything is installed, on any Node from 20 on.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** A failure that the user can act on: printed as one line, without a stack. */
export class Refusal extends Error {}

/** Full path of a program, or undefined. Looks in the administrator's folders too, which a user's PATH may lack. */
export function which(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin']
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/** Runs a program quietly; a failure carries its output. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options })
  if (result.error) throw new Refusal(`${program} could not be run: ${result.error.message}`)
  if (result.status !== 0) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-12).join('\n')
    throw new Refusal(`${program} ${args.join(' ')} failed (${result.status ?? result.signal}):\n${output}`)
  }
  return result.stdout ?? ''
}

/** Shows a step with its time; what `work` returns is shown as its result. */
export function step(title, work) {
  const startedAt = Date.now()
  process.stdout.write(`  ${title} … `)
  try {
    const result = work()
    process.stdout.write(
      `${result ?? 'done'}${Date.now() - startedAt > 1_000 ? ` (${Math.round((Date.now() - startedAt) / 1_000)} s)` : ''}\n`,
    )
  } catch (error) {
    process.stdout.write('failed\n')
    throw error
  }
}

/** Runs a program in the foreground, hands signals on to it, and resolves to its exit code. */
export function foreground(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', cwd: root, ...options })
    const handOn = (signal) => child.kill(signal)
    // A terminal's Ctrl-C reaches the child by itself; this process only must not end before it.
    const ignore = () => {}
    process.on('SIGTERM', handOn)
    process.on('SIGINT', ignore)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', handOn)
      process.off('SIGINT', ignore)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })
}

/** Runs `main` and turns a refusal into one line and exit code 1. */
export async function atTheEdge(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    process.stderr.write(`weft: ${error.message}\n`)
    process.exitCode = 1
  }
}
