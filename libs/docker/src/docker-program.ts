import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type Clock, delay } from '@weft/platform'
import { cgroupOf } from '@weft/platform/host'
import type { ProgramRequest, SandboxExit, SandboxProgram } from '@weft/sandbox'
import type Docker from 'dockerode'
import { demultiplex } from './demultiplex.ts'
import { withTimeout } from './engine.ts'

const callMs = 10_000
/** How often the engine is asked whether a program still runs, ms: it has no call that waits for that. */
const lookMs = 100
const startLookMs = 5
const mostLooks = 1_000

/** Runs a program in a container whose processes are visible here (`docker exec`). */
export async function runInContainer(
  container: Docker.Container,
  user: string,
  clock: Clock,
  request: ProgramRequest,
): Promise<SandboxProgram> {
  const exec = await withTimeout(clock, callMs, 'prepare a program', (call) =>
    container.exec({
      Cmd: [...request.command],
      Env: Object.entries(request.environment).map(([key, value]) => `${key}=${value}`),
      User: user,
      WorkingDir: request.folder,
      AttachStdout: true,
      AttachStderr: true,
      ...call,
    }),
  )
  const output: Duplex = await withTimeout(clock, callMs, 'start a program', (call) =>
    exec.start({ hijack: true, stdin: false, ...call }),
  )
  output.on('error', () => output.destroy())
  const look = () => withTimeout(clock, callMs, 'inspect a program', (call) => exec.inspect(call))
  let state = await look()
  // The engine says that it runs a little before it knows as which process.
  for (let looks = 0; state.Running && state.Pid === 0 && looks < mostLooks; looks++) {
    await delay(clock, startLookMs)
    state = await look()
  }
  const { Running, ExitCode, Pid } = state
  // What cannot be started at all ends with these statuses of the shell, and what the engine says of it is its output.
  if (!Running && (ExitCode === 126 || ExitCode === 127)) {
    const said = await allOf(output)
    throw new Error(`${request.command[0]} cannot be started: ${said}`)
  }
  let ended = !Running
  const exited = (async (): Promise<SandboxExit> => {
    await finished(output).catch(() => undefined)
    for (;;) {
      // A container that is gone has no programs any more.
      const now = await look().catch(() => ({ Running: false, ExitCode: null }))
      if (!now.Running) {
        ended = true
        return exitOf(now.ExitCode)
      }
      await delay(clock, lookMs)
    }
  })()
  return {
    exited,
    onOutput: (listener) => demultiplex(output, listener),
    signal(signal) {
      // The engine reaps it, and the pid may be another's by now.
      if (!ended && cgroupOf(Pid, undefined, (path) => path.includes(container.id))) process.kill(Pid, signal)
    },
  }
}

async function allOf(output: Duplex): Promise<string> {
  const said: Buffer[] = []
  demultiplex(output, (chunk) => {
    said.push(chunk)
    return 0
  })
  await finished(output).catch(() => undefined)
  return Buffer.concat(said).toString('utf8').trim()
}

/** The engine tells a death by signal N as status 128 + N. */
function exitOf(status: number | null): SandboxExit {
  if (status === null) return { code: undefined, signal: 'SIGKILL', oomKilled: false }
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0]
  return { code: signal ? undefined : status, signal, oomKilled: false }
}
