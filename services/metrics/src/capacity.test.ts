import type { CapacityAnnouncement } from '@weft/contracts'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { LatestCapacity } from './capacity.ts'

const announcement: CapacityAnnouncement = {
  ...{ instanceId: 'p', atMs: 0, workers: 2, memoryMb: 1_024, freeMb: 512, shortMb: 128, waiting: 3 },
  ...{ leased: 4, idle: 5, starting: 6, stopping: 7 },
  accounts: [
    {
      ...{ accountId: '000000000001', limit: 1_000, used: 4 },
      functions: [
        { functionName: 'f', used: 3, provisioned: [{ version: '1', available: 4, busy: 1 }] },
        { functionName: 'g', used: 1, provisioned: [] },
      ],
    },
  ],
}

it('tells what workers have and what accounts use', () => {
  const latest = new LatestCapacity(new FakeClock())
  latest.take('0', announcement)
  latest.take('1', { ...announcement, accounts: [] })
  const lines = latest.page().split('\n')
  for (const line of [
    'weft_workers{partition="0"} 2',
    'weft_workers_short_bytes{partition="1"} 134217728',
    'weft_sandboxes{partition="0",state="idle"} 5',
    'weft_waiting_calls{partition="0"} 3',
    'weft_account_concurrency_limit{account="000000000001"} 1000',
    'weft_account_concurrent_executions{account="000000000001"} 4',
    'weft_concurrent_executions{account="000000000001",function="g"} 1',
    'weft_provisioned_concurrent_executions{account="000000000001",function="f",version="1"} 1',
    'weft_provisioned_concurrency_utilization{account="000000000001",function="f",version="1"} 0.25',
  ])
    expect(lines).toContain(line)
})

it('forgets what was told long ago', () => {
  const clock = new FakeClock()
  const latest = new LatestCapacity(clock)
  latest.take('0', announcement)
  clock.advance(10_001)
  expect(latest.page()).not.toContain('weft_workers{')
})
