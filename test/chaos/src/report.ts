import type { Verdict } from './ledger.ts'
import type { ChaosReport } from './run-chaos.ts'

/** Nothing lost, nothing ended twice or otherwise than planned, nothing out of order. */
export const isSound = ({ events, records }: ChaosReport): boolean =>
  events.lost + events.endedTwice + events.endedWrongly + records.lost + records.outOfOrder === 0

/** The lines of a ledger, one for each plan. */
export function ledgerTable(events: Verdict): readonly string[] {
  const rows = [
    ['plan', 'accepted', 'ended', 'runs', 'duplicate runs'],
    ...events.rows.map((row) => [row.plan, row.accepted, row.ended, row.runs, row.duplicateRuns].map(String)),
  ]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

export const verdictLine = ({ lost, endedTwice, endedWrongly, duplicateRuns }: Verdict): string =>
  `events    lost ${lost}, two terminal states ${endedTwice}, another end than planned ${endedWrongly}, duplicate runs ${duplicateRuns}`

/** The ledger as a table. */
export const reportText = ({ events, records, faults, seconds }: ChaosReport): string =>
  [
    '',
    ...ledgerTable(events),
    '',
    verdictLine(events),
    `records   published ${records.published}, lost ${records.lost}, out of order ${records.outOfOrder}, duplicate runs ${records.duplicateRuns}`,
    `faults    ${Object.entries(faults)
      .map(([what, count]) => `${what} ×${count}`)
      .join(', ')}`,
    `took      ${seconds.toFixed(0)} s`,
    '',
  ].join('\n')
