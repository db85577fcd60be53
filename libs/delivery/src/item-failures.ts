/** What a function with ReportBatchItemFailures said of its batch. */
export type ItemFailures =
  | { readonly kind: 'all-succeeded' }
  | { readonly kind: 'all-failed'; readonly reason: string }
  /** Indexes of the records that failed, ascending: a stream restarts at the first, a queue keeps them all. */
  | { readonly kind: 'some'; readonly failed: readonly [number, ...number[]] }

/**
 * Reads `{"batchItemFailures":[{"itemIdentifier":…}]}`. Full success: nothing, null, `{}`, an empty string, an empty or
 * null list. Full failure: anything that is not of the form, or an identifier that is empty, null or unknown (Lambda
 * developer guide, services-kinesis-batchfailurereporting).
 */
export function readItemFailures(payload: Uint8Array, identifiers: readonly string[]): ItemFailures {
  const failed = (reason: string): ItemFailures => ({ kind: 'all-failed', reason })
  const text = new TextDecoder().decode(payload).trim()
  if (text === '') return { kind: 'all-succeeded' }
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return failed('the answer is not JSON')
  }
  if (answer === null || answer === '') return { kind: 'all-succeeded' }
  if (typeof answer !== 'object' || Array.isArray(answer)) return failed('the answer is no object')
  const keys = Object.keys(answer)
  if (keys.length === 0) return { kind: 'all-succeeded' }
  if (!keys.includes('batchItemFailures')) return failed('the answer has no batchItemFailures')
  const list = (answer as { batchItemFailures: unknown }).batchItemFailures
  if (list === null) return { kind: 'all-succeeded' }
  if (!Array.isArray(list)) return failed('batchItemFailures is no list')
  const places = new Map(identifiers.map((id, index) => [id, index]))
  const found = new Set<number>()
  for (const item of list) {
    const id = identifierOf((item as { itemIdentifier?: unknown } | null)?.itemIdentifier)
    const index = typeof id === 'string' ? places.get(id) : undefined
    if (index === undefined) return failed(`batchItemFailures names an unknown item ${JSON.stringify(id) ?? ''}`)
    found.add(index)
  }
  const [first, ...others] = [...found].sort((a, b) => a - b)
  return first === undefined ? { kind: 'all-succeeded' } : { kind: 'some', failed: [first, ...others] }
}

/** Kafka's is an object of partition and offset (developer guide, kafka-retry-configurations), which is named otherwise there. */
function identifierOf(identifier: unknown): unknown {
  if (typeof identifier !== 'object' || identifier === null) return identifier
  const { partition, 'topic-partition': named, offset } = identifier as Readonly<Record<string, unknown>>
  return `${partition ?? named}-${offset}`
}
