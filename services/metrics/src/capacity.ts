import type { AccountUse, CapacityAnnouncement } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import { family, type Labels, type Sample } from './prometheus.ts'

/** Leaders tell about every second; what one said longer ago says nothing of now, ms. */
const freshMs = 10_000

const workerGauges = [
  ['weft_workers', 'Workers that are connected.', (one: CapacityAnnouncement) => one.workers],
  ['weft_workers_memory_bytes', 'Memory of workers for sandboxes.', (one: CapacityAnnouncement) => mb(one.memoryMb)],
  ['weft_workers_free_bytes', 'Of it, what no sandbox has.', (one: CapacityAnnouncement) => mb(one.freeMb)],
  [
    'weft_workers_short_bytes',
    'Memory of sandboxes that find no room: more workers would help.',
    (one: CapacityAnnouncement) => mb(one.shortMb),
  ],
  ['weft_waiting_calls', 'Requests for a sandbox that wait.', (one: CapacityAnnouncement) => one.waiting],
] as const

const mb = (value: number): number => value * 1024 * 1024

/** What the leaders of placement have told last, by partition. */
export class LatestCapacity {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #latest = new Map<string, { readonly announcement: CapacityAnnouncement; readonly takenAt: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  take(partition: string, announcement: CapacityAnnouncement): void {
    this.#latest.set(partition, { announcement, takenAt: this.#clock.monotonic() })
  }

  /** For Prometheus: gauges of workers by partition, and of concurrency by account, function and version. */
  page(): string {
    const now = this.#clock.monotonic()
    for (const [partition, { takenAt }] of this.#latest) if (now - takenAt > freshMs) this.#latest.delete(partition)
    const told = [...this.#latest].map(([partition, { announcement }]) => ({ labels: { partition }, announcement }))
    const accounts = told.flatMap(({ announcement }) => announcement.accounts)
    return [
      ...workerGauges.map(([name, help, of]) =>
        gauge(
          name,
          help,
          told.map(({ labels, announcement }) => ({ labels, value: of(announcement) })),
        ),
      ),
      gauge(
        'weft_sandboxes',
        'Sandboxes by state.',
        told.flatMap(({ labels, announcement }) =>
          (['leased', 'idle', 'starting', 'stopping'] as const).map((state) => ({
            labels: { ...labels, state },
            value: announcement[state],
          })),
        ),
      ),
      ...concurrency(accounts),
    ].join('')
  }
}

const gauge = (name: string, help: string, samples: readonly Sample[]): string => family(name, 'gauge', help, samples)

/** AWS's ConcurrentExecutions, ProvisionedConcurrentExecutions and ProvisionedConcurrencyUtilization, at this moment. */
function concurrency(accounts: readonly AccountUse[]): string[] {
  const ofAccounts = (value: (one: AccountUse) => number): Sample[] =>
    accounts.map((one) => ({ labels: { account: one.accountId }, value: value(one) }))
  const functions = accounts.flatMap(({ accountId, functions }) =>
    functions.map((one) => ({ account: accountId, ...one })),
  )
  const provisioned = functions.flatMap(({ account, functionName, provisioned }) =>
    provisioned.map((one) => ({
      labels: { account, function: functionName, version: one.version } satisfies Labels,
      one,
    })),
  )
  return [
    gauge(
      'weft_account_concurrency_limit',
      'Concurrency limit of the account.',
      ofAccounts(({ limit }) => limit),
    ),
    gauge(
      'weft_account_concurrent_executions',
      'Leases of the account.',
      ofAccounts(({ used }) => used),
    ),
    gauge(
      'weft_concurrent_executions',
      'Leases of the function.',
      functions.map(({ account, functionName, used }) => ({
        labels: { account, function: functionName },
        value: used,
      })),
    ),
    gauge(
      'weft_provisioned_concurrent_executions',
      'Provisioned environments that serve a call.',
      provisioned.map(({ labels, one }) => ({ labels, value: one.busy })),
    ),
    gauge(
      'weft_provisioned_concurrency_available',
      'Provisioned environments that are initialised.',
      provisioned.map(({ labels, one }) => ({ labels, value: one.available })),
    ),
    gauge(
      'weft_provisioned_concurrency_utilization',
      'Share of these that serve a call.',
      provisioned.map(({ labels, one }) => ({ labels, value: one.available > 0 ? one.busy / one.available : 0 })),
    ),
  ]
}
