import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { oneByOne } from '../core/closed-loop.ts'

/** From spawn to the first byte that the program prints. */
async function bootMs(program: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  const takenMs = performance.now() - startedMs
  await ended
  return takenMs
}

/** What a cold start is measured against: booting the bare runtime, without any sandbox. */
export async function bootFloors(options: BedOptions): Promise<Bed> {
  const boot = (id: string, title: string, program: string, args: readonly string[]): Case => ({
    id: `floor.boot-${id}`,
    title,
    group: 'floor',
    measure: () => oneByOne(scaled(20, options, 3), () => bootMs(program, args)),
  })
  return {
    cases: [
      boot('node', 'boot of bare node', process.execPath, ['-e', 'console.log(1)']),
      boot('python', 'boot of bare python3 -I -S', '/usr/bin/python3', ['-I', '-S', '-c', 'print(1, flush=True)']),
    ],
    async [Symbol.asyncDispose]() {},
  }
}
