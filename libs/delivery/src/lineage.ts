import { hash } from 'node:crypto'

/** Runs of one function in one chain of calls after which the next is refused (developer guide, invocation-recursion). */
export const mostRunsInChain = 16

/** More functions than this in one chain are forgotten, the earliest first: the header must stay one. */
const mostFunctions = 24

/** Of AWS's RecursiveInvocationException. */
export const recursionMessage =
  "Lambda has detected your function being invoked in a recursive loop with other resources and stopped your function's invocation."

/** What the recursion guard looks at. */
export interface ChainEntry {
  /** X-Amzn-Trace-Id form, as the call brought it. */
  readonly traceHeader?: string | undefined
  /** Unqualified. */
  readonly functionArn: string
  /** Allow: loops are wished. */
  readonly recursiveLoop?: 'Allow' | 'Terminate' | undefined
  /** A UUID; makes the root of a chain that begins here. */
  readonly requestId: string
  readonly acceptedAtMs: number
}

/** The header that the function gets and hands on, or a loop that must end here. */
export type ChainStep = { readonly kind: 'enter'; readonly traceHeader: string } | { readonly kind: 'loop' }

/**
 * Counts a run of a function in the lineage of its call: `Lineage=<function>:<runs>|…` in the trace header, which the
 * AWS SDKs hand on from the environment of a function. A lineage that cannot be read counts as none.
 */
export function enterChain(entry: ChainEntry): ChainStep {
  const members = (entry.traceHeader ?? '').split(';').filter((member) => member !== '')
  const runs = lineageOf(members)
  const own = hash('sha256', entry.functionArn, 'hex').slice(0, 8)
  const before = runs.get(own) ?? 0
  if (before >= mostRunsInChain && entry.recursiveLoop !== 'Allow') return { kind: 'loop' }
  runs.delete(own)
  runs.set(own, Math.min(before + 1, mostRunsInChain))
  const lineage = [...runs].slice(-mostFunctions).map(([name, count]) => `${name}:${count}`)
  const rest = members.filter((member) => !member.startsWith('Lineage='))
  if (!rest.some((member) => member.startsWith('Root='))) rest.unshift(`Root=${rootOf(entry)}`)
  return { kind: 'enter', traceHeader: [...rest, `Lineage=${lineage.join('|')}`].join(';') }
}

function lineageOf(members: readonly string[]): Map<string, number> {
  const lineage = members.find((member) => member.startsWith('Lineage='))?.slice('Lineage='.length) ?? ''
  const pairs = lineage.split('|').map((pair) => /^([0-9a-f]{8}):(\d{1,3})$/.exec(pair))
  return new Map(pairs.flatMap((pair) => (pair ? [[pair[1] as string, Number(pair[2])]] : [])))
}

const rootOf = ({ requestId, acceptedAtMs }: ChainEntry): string =>
  `1-${Math.floor(acceptedAtMs / 1_000)
    .toString(16)
    .padStart(8, '0')}-${requestId.replaceAll('-', '').slice(0, 24)}`
