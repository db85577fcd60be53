import Table from 'cli-table3'
import type { DoorResult } from './doors.ts'
import type { PackageReport, Total } from './report.ts'

/** Lines without colours: the output is as often a log as a terminal. */
const plain = { style: { head: [], border: [], compact: true } }

export const milliseconds = (ms: number): string => `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`
export const count = (n: number): string => n.toLocaleString('en')
export const mebibytes = (bytes: number): string => `${count(Math.round(bytes / 2 ** 20))} MiB`

export function doorTable(results: readonly DoorResult[]): string {
  const table = new Table({
    head: ['door', 'call', 'result', 'first', 'then (median)'],
    colAligns: ['left', 'left', 'left', 'right', 'right'],
    ...plain,
  })
  for (const { door, what, result, firstMs, warmMs } of results)
    table.push([door, what, result, milliseconds(firstMs), warmMs === undefined ? '' : milliseconds(warmMs)])
  return table.toString()
}

/** Sections and licences beside each other, the greatest first. */
export function reportTable(report: PackageReport): string {
  const table = new Table({
    head: ['section', 'packages', 'size', 'licence', 'packages', 'size'],
    colAligns: ['left', 'right', 'right', 'left', 'right', 'right'],
    ...plain,
  })
  const cells = (total: Total | undefined): string[] =>
    total ? [total.name, count(total.packages), mebibytes(total.bytes)] : ['', '', '']
  const rows = Math.max(report.sections.length, report.licences.length)
  for (let row = 0; row < rows; row++) table.push([...cells(report.sections[row]), ...cells(report.licences[row])])
  return table.toString()
}
