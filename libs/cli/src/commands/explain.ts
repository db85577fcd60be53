import type { FabricRecord, InvocationRecord, LeaseOrigin } from '@weft/contracts'
import type { FabricClient } from '../client/client.ts'
import { CommandError, type Io, paint } from '../io.ts'

interface Phase {
  readonly name: string
  readonly ms: number
  readonly why: string
}

const origins: Readonly<Record<LeaseOrigin, string>> = {
  held: 'a warm sandbox was at hand',
  reused: 'another call had the sandbox before',
  granted: 'placement had an idle sandbox',
  started: 'a sandbox was started',
}

/**
 * Where the time of a run went, from its acceptance at the door to its end. The sum is the whole, because what is left
 * over is told as what it is: doors and wires.
 */
export function phasesOf(record: InvocationRecord): readonly Phase[] {
  const { acceptedAtMs, startedAtMs, queuedMs = 0, initDurationMs, restoreDurationMs, durationMs, leaseOrigin } = record
  // Clocks of two machines differ; a wire that seems to take less than no time has taken none.
  const wires = Math.max(0, startedAtMs - acceptedAtMs - queuedMs)
  const before = record.source === 'sync' ? 'doors and wires' : 'queue, doors and wires'
  return [
    { name: before, ms: wires, why: '' },
    { name: 'waiting for a sandbox', ms: queuedMs, why: leaseOrigin ? origins[leaseOrigin] : '' },
    { name: 'initialising', ms: initDurationMs, why: initDurationMs > 0 ? 'first call of its environment' : '' },
    ...(restoreDurationMs === undefined ? [] : [{ name: 'restoring', ms: restoreDurationMs, why: 'SnapStart' }]),
    { name: 'running', ms: durationMs, why: record.errorType },
  ]
}

/** Tells what became of a request. `metrics` is the address of the metrics service where the door does not answer. */
export async function explain(io: Io, client: FabricClient, requestId: string, metrics?: string): Promise<void> {
  if (!/^[0-9a-f-]{36}$/.test(requestId)) throw new CommandError(`${requestId} is not a request id`)
  const records = await read(client, `/invocations/${requestId}`, metrics)
  if (records.length === 0)
    throw new CommandError(`nothing is known of ${requestId}; what has just run shows within a second`)
  for (const record of records) io.stdout.write(`${linesOf(record, io).join('\n')}\n`)
}

async function read(client: FabricClient, path: string, metrics?: string): Promise<readonly FabricRecord[]> {
  const answer = await (metrics === undefined ? client.get(path) : client.getFrom(metrics, path))
  if (!answer.ok) throw new CommandError(`${answer.error.code}: ${answer.error.message}`)
  if (answer.value.status === 404) return []
  if (answer.value.status !== 200) throw new CommandError(`the records cannot be read: status ${answer.value.status}`)
  return (JSON.parse(answer.value.body.toString('utf8')) as { records: readonly FabricRecord[] }).records
}

function linesOf(record: FabricRecord, io: Io): string[] {
  const at = (ms: number): string => new Date(ms).toISOString()
  const head = (text: string): string => paint(io.stdout, 'cyan', text)
  switch (record.type) {
    case 'invocation': {
      const phases = phasesOf(record)
      const total = phases.reduce((sum, { ms }) => sum + ms, 0)
      return [
        head(`${record.functionName}:${record.version}, ${record.source}, attempt ${record.attempt}: ${record.status}`),
        `accepted  ${at(record.acceptedAtMs)}`,
        `ran in    sandbox ${record.sandboxId} of worker ${record.workerId}${record.coldStart ? ', its first call' : ''}`,
        ...[...phases, { name: 'in all', ms: total, why: '' }].map(
          ({ name, ms, why }) => `${name.padEnd(24)}${ms.toFixed(1).padStart(10)} ms${why && `  ${why}`}`,
        ),
      ]
    }
    case 'throttle':
      return [head(`${record.functionName}: refused`), `${at(record.atMs)}  ${record.reason}`]
    case 'recursion':
      return [head(`${record.functionName}: refused`), `${at(record.atMs)}  it would have gone on with a loop`]
    case 'offset-lag':
      return [head(`${record.functionName}: behind its source`), `${at(record.atMs)}  ${record.lagRecords} records`]
    case 'event-end':
      return [
        head(`${record.functionName}: event ${record.end}`),
        `${at(record.endedAtMs)}  ${record.condition}, attempts ${record.attempts}`,
      ]
  }
}
