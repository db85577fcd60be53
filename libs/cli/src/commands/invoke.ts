import { readFile } from 'node:fs/promises'
import type { FabricClient, Invocation, InvokeOptions } from '../client/client.ts'
import { CommandError, exitCodes, type Io, paint } from '../io.ts'

/** A payload as given: `@file`, `-` for standard input, else the JSON text itself. */
export async function readPayload(io: Io, argument: string | undefined): Promise<Buffer> {
  if (argument === undefined) return Buffer.from('{}')
  if (argument === '-') return io.readStdin()
  if (!argument.startsWith('@')) return Buffer.from(argument)
  try {
    return await readFile(argument.slice(1))
  } catch (error) {
    throw new CommandError(`the payload cannot be read: ${(error as Error).message}`, exitCodes.usage)
  }
}

export async function invoke(
  io: Io,
  client: FabricClient,
  name: string,
  payload: Buffer,
  options: InvokeOptions,
): Promise<number> {
  const startedMs = performance.now()
  const called = await client.invoke(name, payload, options)
  if (!called.ok) throw new CommandError(`${called.error.code}: ${called.error.message}`)
  const { value } = called
  if (value.logTail) io.stderr.write(paint(io.stderr, 'dim', value.logTail))
  if (value.payload.length > 0) io.stdout.write(`${value.payload.toString('utf8')}\n`)
  io.stderr.write(`${paint(io.stderr, value.functionError ? 'red' : 'green', verdict(value))}  `)
  io.stderr.write(`${(performance.now() - startedMs).toFixed(1)} ms  ${value.requestId}\n`)
  return value.functionError ? exitCodes.functionError : exitCodes.done
}

function verdict({ functionError, status, executedVersion }: Invocation): string {
  if (functionError) return `the function failed (${functionError})`
  if (status === 202) return 'accepted'
  if (status === 204) return 'would be allowed'
  return `succeeded (${executedVersion ?? 'version not told'})`
}
