import Table from 'cli-table3'
import type { Sample } from '../core/case.ts'
import type { Ratio } from '../core/goals.ts'
import type { Measured } from '../core/rounds.ts'

const plain = { style: { head: [], border: [], compact: true } }

const rounded = (value: number): string =>
  value >= 1_000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(3))}`

const cell = (sample: Sample, ...metrics: readonly [metric: string, unit: string][]): string => {
  for (const [metric, unit] of metrics) {
    const value = sample[metric]
    if (value !== undefined) return `${rounded(value)} ${unit}`
  }
  return ''
}

export function measuredTable(measured: readonly Measured[]): string {
  const table = new Table({
    head: ['what', 'p50', 'p99', 'per second'],
    colAligns: ['left', 'right', 'right', 'right'],
    ...plain,
  })
  for (const { title, median } of measured)
    table.push([
      title,
      cell(median, ['p50Us', 'µs'], ['p50Ms', 'ms'], ['rssMib', 'MiB'], ['pssMib', 'MiB']),
      cell(median, ['p99Us', 'µs'], ['p99Ms', 'ms']),
      cell(median, ['perSecond', '/s'], ['cpuPercent', '% CPU']),
    ])
  return table.toString()
}

export function ratioTable(ratios: readonly Ratio[]): string {
  const table = new Table({
    head: ['ratio', 'is', 'goal', ''],
    colAligns: ['left', 'right', 'right', 'left'],
    ...plain,
  })
  for (const { what, ratio, atMost, atLeast, met } of ratios)
    table.push([what, ratio.toFixed(2), atMost !== undefined ? `≤ ${atMost}` : `≥ ${atLeast}`, met ? 'met' : 'missed'])
  return table.toString()
}
