import type { FabricClient } from '../client/client.ts'
import { CommandError, exitCodes, type Io, paint } from '../io.ts'

/** What the fabric tells of an invocation whose result is kept; see docs/async.md. */
interface Known {
  readonly FunctionArn: string
  readonly State: string
  readonly Condition?: string
  readonly Runs: number
  readonly FunctionError?: string
  readonly KeptUntil?: string
  readonly Payload?: string
}

async function ask(client: FabricClient, method: 'GET' | 'DELETE', requestId: string): Promise<Known> {
  const path = `/2026-01-01/invocations/${encodeURIComponent(requestId)}`
  const answer = await client.send('weft', method, path, {}, '')
  if (!answer.ok) throw new CommandError(`${answer.error.code}: ${answer.error.message}`)
  return JSON.parse(answer.value.body.toString('utf8')) as Known
}

/** Prints what a function answered to an invocation, or how far that is. Resolves to the exit code. */
export async function result(io: Io, client: FabricClient, requestId: string): Promise<number> {
  const known = await ask(client, 'GET', requestId)
  if (known.Payload !== undefined) io.stdout.write(`${known.Payload}\n`)
  const failed = known.State === 'ended' && known.Condition !== 'Success'
  const runs = `${known.Runs} ${known.Runs === 1 ? 'run' : 'runs'}`
  const words = [known.State, known.Condition, runs, known.FunctionArn].filter((word) => word !== undefined)
  io.stderr.write(`${paint(io.stderr, failed ? 'red' : 'green', words.join('  '))}\n`)
  if (known.KeptUntil !== undefined) io.stderr.write(`kept until ${known.KeptUntil}\n`)
  return failed ? exitCodes.functionError : exitCodes.done
}

/** Cancels an event that waits for a run. */
export async function cancel(io: Io, client: FabricClient, requestId: string): Promise<void> {
  const { FunctionArn, State } = await ask(client, 'DELETE', requestId)
  io.stderr.write(`${paint(io.stderr, 'green', State)}  ${FunctionArn}\n`)
}
