import { buffer } from 'node:stream/consumers'
import { runCommand } from './program.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stop.abort()
    // A command that waits for something else than the signal ends the usual way.
    process.exitCode = signal === 'SIGINT' ? 130 : 143
    setTimeout(() => process.exit(), 200).unref()
  })
// A reader that has seen enough (head, less) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

// Timers of the clock do not keep a process alive; a command does, until it is done.
const alive = setInterval(() => {}, 60_000)
const exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  readStdin: () => buffer(process.stdin),
  stop: stop.signal,
})
clearInterval(alive)
process.exitCode ??= exitCode
