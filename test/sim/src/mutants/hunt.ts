import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { mutants } from './list.ts'

export interface Hunt {
  readonly name: string
  /** How many seeds it took; undefined when it was not found. */
  readonly seeds: number | undefined
  /** What the simulator saw. */
  readonly problem: string
}

const hook = fileURLToPath(new URL('hook.ts', import.meta.url))
const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Runs the simulator against one mutant, at most so many seeds. Rejects when it could not run. */
export async function hunt(index: number, seeds: number): Promise<Hunt> {
  const args = ['--import', hook, main, '--seeds', `${seeds}`, '--until-failure']
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, WEFT_MUTANT: `${index}` },
  })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  const name = mutants[index]?.name ?? ''
  const seed = /^seed (\d+) failed/m.exec(err)?.[1]
  if (seed !== undefined) return { name, seeds: Number(seed), problem: err.split('\n')[1]?.trim() ?? '' }
  if (!/ 0 failed$/m.test(out)) throw new Error(`mutant ${index} could not be run:\n${err}`)
  return { name, seeds: undefined, problem: '' }
}
