import type { HealthReport } from '@weft/platform'
import type { FabricClient } from '../client/client.ts'
import { CommandError, exitCodes, type Io, paint } from '../io.ts'

/** Prints what each service says about itself; fails when the fabric is not ready. */
export async function health(io: Io, client: FabricClient): Promise<number> {
  const answer = await client.get('/readyz')
  if (!answer.ok) throw new CommandError(answer.error.message)
  let report: HealthReport
  try {
    report = JSON.parse(answer.value.body.toString('utf8')) as HealthReport
  } catch {
    throw new CommandError(`/readyz answered ${answer.value.status} and no report`)
  }
  show(io, report, '')
  for (const service of report.services ?? []) show(io, service, '  ')
  return answer.value.status === 200 ? exitCodes.done : exitCodes.failed
}

function show(io: Io, report: HealthReport, indent: string): void {
  const style = report.status === 'ok' ? 'green' : report.status === 'stopping' ? 'yellow' : 'red'
  const details = Object.entries(report.details ?? {})
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  io.stdout.write(
    `${indent}${paint(io.stdout, style, report.status.padEnd(8))} ${report.service}  ${details}`.trimEnd(),
  )
  io.stdout.write('\n')
  // The whole repeats the problems of its parts; they are shown once, with the part.
  if (!report.services) for (const problem of report.problems) io.stdout.write(`${indent}  ${problem}\n`)
}
