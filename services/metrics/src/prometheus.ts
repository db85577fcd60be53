import { type Distribution, durationBoundsMs, type Rollup } from './rollup.ts'

/** Label values may hold anything; these three would break the line. Text exposition format 0.0.4. */
export const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

export type Labels = Readonly<Record<string, string>>

const labelText = (labels: Labels): string => {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

/** One metric family: its help and type lines, then its samples. */
export function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const lines = samples.map((s) => `${name}${labelText(s.labels)} ${s.value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

const histogram = (
  name: string,
  help: string,
  samples: readonly { readonly labels: Labels; readonly value: Distribution }[],
): string => {
  const lines = samples.flatMap(({ labels, value }) => {
    let below = 0
    const buckets = value.buckets.map((n, i) => {
      below += n
      const bound = durationBoundsMs[i]
      const le = bound === undefined ? '+Inf' : String(bound / 1_000)
      return `${name}_bucket${labelText({ ...labels, le })} ${below}`
    })
    const label = labelText(labels)
    return [...buckets, `${name}_sum${label} ${value.sumMs / 1_000}`, `${name}_count${label} ${value.count}`]
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n')
}

export interface FunctionTotals {
  readonly accountId: string
  /** Empty for the functions that are counted together. */
  readonly functionName: string
  readonly totals: Rollup
}

const counters = [
  ['weft_invocations_total', 'Runs of the function, failed ones too.', (r: Rollup) => r.invocations],
  ['weft_errors_total', 'Runs that ended in a function error, timeouts included.', (r: Rollup) => r.errors],
  ['weft_throttles_total', 'Calls refused under a limit.', (r: Rollup) => r.throttles],
  ['weft_cold_starts_total', 'Runs that initialised their sandbox.', (r: Rollup) => r.coldStarts],
  ['weft_billed_seconds_total', 'Billed duration.', (r: Rollup) => r.billedMs / 1_000],
  ['weft_billed_gb_seconds_total', 'Billed duration times configured memory.', (r: Rollup) => r.billedGbSeconds],
  ['weft_async_events_received_total', 'Accepted events that have ended.', (r: Rollup) => r.asyncEventsReceived],
  ['weft_async_events_dropped_total', 'Events that ended without success.', (r: Rollup) => r.asyncEventsDropped],
  ['weft_dead_letter_errors_total', 'Events their dead-letter target did not get.', (r: Rollup) => r.deadLetterErrors],
  [
    'weft_destination_delivery_failures_total',
    'Records their destination did not get.',
    (r: Rollup) => r.destinationDeliveryFailures,
  ],
  [
    'weft_recursive_invocations_dropped_total',
    'Calls refused as part of a loop.',
    (r: Rollup) => r.recursiveInvocationsDropped,
  ],
] as const

/** The page for Prometheus. Times in seconds, as is the custom there. */
export function renderFunctions(functions: readonly FunctionTotals[]): string {
  const labelled = functions.map((f) => ({
    labels: { account: f.accountId, function: f.functionName || '(other)' },
    totals: f.totals,
  }))
  const simple = counters.map(([name, help, of]) =>
    family(
      name,
      'counter',
      help,
      labelled.map((f) => ({ labels: f.labels, value: of(f.totals) })),
    ),
  )
  const distributions = [
    histogram(
      'weft_duration_seconds',
      'Duration of runs without initialisation.',
      labelled.map((f) => ({ labels: f.labels, value: f.totals.duration })),
    ),
    histogram(
      'weft_init_duration_seconds',
      'Duration of initialisations.',
      labelled.filter((f) => f.totals.coldStarts > 0).map((f) => ({ labels: f.labels, value: f.totals.initDuration })),
    ),
  ]
  const lags = labelled.flatMap(({ labels, totals }) =>
    Object.entries(totals.offsetLag ?? {}).map(([mapping, { records }]) => ({
      labels: { ...labels, mapping },
      value: records,
    })),
  )
  const lag = family(
    'weft_offset_lag_records',
    'gauge',
    'Records between the end of a Kafka topic and its mapping.',
    lags,
  )
  return [...simple, ...distributions, ...(lags.length > 0 ? [lag] : [])].join('')
}
