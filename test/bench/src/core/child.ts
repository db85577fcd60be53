import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface ChildServer extends AsyncDisposable {
  /** What it printed on its first line, as JSON. */
  readonly hello: Readonly<Record<string, string | number>>
}

/** Ends a child and waits until it is gone. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

/** Starts `servers/<name>.ts` in a process of its own; resolves with its first line, rejects when it ends before. */
export const startServer = (name: string, ...args: readonly string[]): Promise<ChildServer> =>
  startProgram(fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url)), ...args)

/** The same of any program for Node that prints its first line when it is ready. */
export async function startProgram(program: string, ...args: readonly string[]): Promise<ChildServer> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const first = once(createInterface(child.stdout), 'line')
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the benchmark server ${program} ended with ${code}`)
  })
  const [line] = (await Promise.race([first, ended])) as [string]
  ended.catch(() => {})
  // Asked to end, it takes the processes it has started with it.
  return { hello: JSON.parse(line), [Symbol.asyncDispose]: () => endChild(child, 'SIGTERM') }
}
