import { ledgerTable, verdictLine } from '../report.ts'
import type { RealReport } from './run-real.ts'

/** Nothing lost, nothing ended twice or otherwise than planned, and every duplicate run explained by a fault. */
export const isSound = ({ events, duplicatesOutside, records }: RealReport): boolean =>
  events.lost + events.endedTwice + events.endedWrongly + duplicatesOutside + records.lost + records.wronglyDead === 0

const mostOdd = 10

export const reportText = ({ events, odd, duplicatesOutside, records, faults, seconds }: RealReport): string =>
  [
    '',
    ...ledgerTable(events),
    '',
    `${verdictLine(events)}, of these in no fault's window ${duplicatesOutside}`,
    `records   published ${records.published}, lost ${records.lost}, wrongly dead ${records.wronglyDead}`,
    `faults    ${Object.entries(faults)
      .map(([what, count]) => `${what} ×${count}`)
      .join(', ')}`,
    `took      ${seconds.toFixed(0)} s`,
    ...odd.slice(0, mostOdd),
    '',
  ].join('\n')
