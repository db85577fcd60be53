import type { Measured } from './rounds.ts'
import { median } from './statistics.ts'

/** A wish about a ratio of two measurements of one run. */
export interface Goal {
  readonly what: string
  /** `case id:metric`. */
  readonly of: string
  /** The same; absent: the goal is a number of its own, not a ratio. */
  readonly over?: string
  readonly atMost?: number
  readonly atLeast?: number
}

export interface Ratio extends Goal {
  readonly ratio: number
  readonly met: boolean
}

const goal = (what: string, of: string, over: string, wish: Pick<Goal, 'atMost' | 'atLeast'>): Goal => ({
  what,
  of,
  over,
  ...wish,
})

/** What many of a thing may add to a call, in time and in processor time. */
const growth = (things: string): readonly Goal[] => {
  const id = `growth.${things}`
  return [
    goal(`warm call beside many ${things} / beside one, p50`, `${id}:p50Us`, `${id}:firstP50Us`, { atMost: 1.15 }),
    goal(`the same, processor time`, `${id}:cpuUs`, `${id}:firstCpuUs`, { atMost: 1.15 }),
  ]
}

/** A mapping beside a bare consumer that keeps its place as well: what batches, leases and events cost. */
const source = (name: string): Goal =>
  goal(`mapping on ${name} / bare consumer`, `source.${name}:perSecond`, `source.${name}:barePerSecond`, {
    atLeast: 0.5,
  })

export const goals: readonly Goal[] = [
  goal('warm REST call, 1 client / bare chain', 'product.rest.c1:p50Us', 'floor.chain.c1:p50Us', { atMost: 2 }),
  goal('warm REST call, 1 client / bare proxy chain', 'product.rest.c1:p50Us', 'floor.proxy.c1:p50Us', {
    atMost: 1.25,
  }),
  goal('gRPC stream, 16 clients / REST', 'product.grpc-stream.c16:perSecond', 'product.rest.c16:perSecond', {
    atLeast: 1,
  }),
  goal('NATS request, 16 clients / REST', 'product.nats.c16:perSecond', 'product.rest.c16:perSecond', { atLeast: 1 }),
  goal(
    'gRPC unary, 16 clients / bare unary echo',
    'product.grpc-unary.c16:perSecond',
    'floor.grpc-unary.c16:perSecond',
    {
      atLeast: 0.8,
    },
  ),
  ...['jetstream-stream', 'jetstream-work', 'nats-key-value', 'kafka-mock', 'rabbitmq-queue', 'redis-stream'].map(
    source,
  ),
  ...['mqtt-topic', 'sqs-fake', 'kinesis-fake', 'dynamodb-stream'].map(source),
  goal('cold Node call, p50 / boot of node', 'product.cold-node:p50Ms', 'floor.boot-node:p50Ms', { atMost: 0.5 }),
  goal('cold Node call, p99 / boot of node, p50', 'product.cold-node:p99Ms', 'floor.boot-node:p50Ms', { atMost: 1.5 }),
  goal('cold Python call, p50 / boot of python3', 'product.cold-python:p50Ms', 'floor.boot-python:p50Ms', {
    atMost: 0.5,
  }),
  goal('cold Node call on an empty pool, oci / boot of node', 'product.empty-oci:p50Ms', 'floor.boot-node:p50Ms', {
    atMost: 3,
  }),
  goal('the same, docker / create and start of a container', 'product.empty-docker:p50Ms', 'floor.docker-start:p50Ms', {
    atMost: 1.2,
  }),
  { what: 'idle environments in a GiB, Node', of: 'product.density-node:perGib', atLeast: 60 },
  { what: 'idle environments in a GiB, Python', of: 'product.density-python:perGib', atLeast: 120 },
  goal('event to first line of its handler / bare JetStream', 'product.event-latency:p50Ms', 'floor.js-latency:p50Ms', {
    atMost: 4,
  }),
  goal(
    'making the last tenth of 1,000 functions / the first',
    'product.control-plane:lastMs',
    'product.control-plane:firstMs',
    {
      atMost: 1.5,
    },
  ),
  goal(
    'listing their last pages / the first',
    'product.control-plane:lastPagesMs',
    'product.control-plane:firstPagesMs',
    {
      atMost: 2,
    },
  ),
  goal('poller, batches of 100 / bare consumer', 'product.poller:perSecond', 'floor.js-consume:perSecond', {
    atLeast: 0.3,
  }),
  goal('warm REST call, 1 client / serverless-offline', 'product.rest.c1:p50Us', 'peer.serverless-offline.c1:p50Us', {
    atMost: 0.25,
  }),
  ...[
    { peer: 'serverless-offline', atLeast: 2.5 },
    { peer: 'miniflare', atLeast: 1.3 },
    { peer: 'functions-framework', atLeast: 0.7 },
  ].map(({ peer, atLeast }) =>
    goal(`REST, 16 clients / ${peer}`, 'product.rest.c16:perSecond', `peer.${peer}.c16:perSecond`, { atLeast }),
  ),
  goal('events, accept to last handled / BullMQ', 'product.event-drain:perSecond', 'peer.bullmq:perSecond', {
    atLeast: 0.5,
  }),
  goal('idle memory / serverless-offline', 'product.idle:rssMib', 'peer.serverless-offline.idle:rssMib', { atMost: 1 }),
  { what: 'idle, % of a processor', of: 'product.idle:cpuPercent', atMost: 1 },
  ...['functions', 'sandboxes', 'mappings'].flatMap(growth),
]

/** Ratios of what was measured, each the median of the ratios inside the rounds; goals without both sides are left out. */
export function ratiosOf(measured: readonly Measured[]): Ratio[] {
  const byId = new Map(measured.map((one) => [one.id, one]))
  const numbers = (reference: string): number[] | undefined => {
    const [id = '', metric = ''] = reference.split(':')
    return byId.get(id)?.rounds.map((sample) => sample[metric] ?? Number.NaN)
  }
  return goals.flatMap((one) => {
    const of = numbers(one.of)
    const over = one.over === undefined ? of?.map(() => 1) : numbers(one.over)
    if (!of || !over) return []
    const ratio = median(of.map((value, round) => value / (over[round] ?? Number.NaN)))
    const met = (one.atMost === undefined || ratio <= one.atMost) && (one.atLeast === undefined || ratio >= one.atLeast)
    return [{ ...one, ratio, met }]
  })
}
