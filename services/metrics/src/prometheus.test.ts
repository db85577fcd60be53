import { describe, expect, it } from 'vitest'
import { invocation } from './fixtures.ts'
import { escapeLabel, family, renderFunctions } from './prometheus.ts'
import { addRecord, emptyRollup } from './rollup.ts'

describe('the Prometheus page', () => {
  it('escapes what would break a line', () => {
    expect(escapeLabel('a"b\\c\nd')).toBe('a\\"b\\\\c\\nd')
    expect(family('x', 'gauge', 'X.', [{ labels: { l: '"\n' }, value: 1 }])).toBe(
      '# HELP x X.\n# TYPE x gauge\nx{l="\\"\\n"} 1\n',
    )
  })

  it('gives counters and cumulated histograms in seconds', () => {
    const totals = [invocation({ durationMs: 3 }), invocation({ durationMs: 2_000_000, status: 'error' })].reduce(
      addRecord,
      emptyRollup,
    )
    const page = renderFunctions([{ accountId: '000000000000', functionName: 'hello', totals }])
    const labels = 'account="000000000000",function="hello"'
    expect(page).toContain(`weft_invocations_total{${labels}} 2\n`)
    expect(page).toContain(`weft_errors_total{${labels}} 1\n`)
    expect(page).toContain(`weft_duration_seconds_bucket{${labels},le="0.0025"} 0\n`)
    expect(page).toContain(`weft_duration_seconds_bucket{${labels},le="0.005"} 1\n`)
    expect(page).toContain(`weft_duration_seconds_bucket{${labels},le="900"} 1\n`)
    expect(page).toContain(`weft_duration_seconds_bucket{${labels},le="+Inf"} 2\n`)
    expect(page).toContain(`weft_duration_seconds_sum{${labels}} 2000.003\n`)
    expect(page).toContain(`weft_duration_seconds_count{${labels}} 2\n`)
  })
})
