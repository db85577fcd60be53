import type { Measured } from '../core/rounds.ts'

const width = 960
const labelWidth = 380
const rowHeight = 22
const colours = { floor: '#8a94a6', product: '#2563eb', peer: '#d97706' } as const

interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly colour: string
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c)

/** Bars on a logarithmic scale, from a tenth below the smallest value on. */
function chart(title: string, bars: readonly Bar[], top: number): { svg: string; height: number } {
  const least = Math.min(...bars.map(({ value }) => value)) / 2
  const most = Math.max(...bars.map(({ value }) => value))
  const span = width - labelWidth - 110
  const lengthOf = (value: number): number => (Math.log(value / least) / Math.log(most / least)) * span
  const rows = bars.map(({ label, value, text, colour }, row) => {
    const y = top + 34 + row * rowHeight
    const length = lengthOf(value).toFixed(1)
    return [
      `<text x="${labelWidth - 8}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${length}" height="15" rx="2" fill="${colour}"/>`,
      `<text x="${(labelWidth + Number(length) + 6).toFixed(1)}" y="${y + 12}">${escaped(text)}</text>`,
    ].join('')
  })
  const heading = `<text x="16" y="${top + 18}" font-weight="bold">${escaped(title)}</text>`
  return { svg: [heading, ...rows].join('\n'), height: 34 + bars.length * rowHeight + 20 }
}

/** A picture of one run: latencies above, throughput below, both on logarithmic scales. */
export function picture(measured: readonly Measured[], caption: string): string {
  const barsOf = (metric: string, unit: string, factor = 1): Bar[] =>
    measured.flatMap(({ title, group, median }) => {
      const value = median[metric]
      if (value === undefined || !(value > 0)) return []
      const scaledValue = value * factor
      const text = `${scaledValue >= 100 ? Math.round(scaledValue).toLocaleString('en') : scaledValue.toFixed(1)} ${unit}`
      return [{ label: title, value: scaledValue, text, colour: colours[group] }]
    })
  const latencies = [...barsOf('p50Us', 'µs'), ...barsOf('p50Ms', 'µs', 1_000)]
  const rates = barsOf('perSecond', '/s')
  const parts: string[] = []
  let top = 34
  for (const [title, bars] of [
    ['Latency, median (shorter is better, logarithmic)', latencies],
    ['Throughput (longer is better, logarithmic)', rates],
  ] as const) {
    if (bars.length === 0) continue
    const { svg, height } = chart(title, bars, top)
    parts.push(svg)
    top += height
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2937">`,
    `<rect width="${width}" height="${top}" fill="#ffffff"/>`,
    `<text x="16" y="22" fill="#6b7280">${escaped(caption)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}
