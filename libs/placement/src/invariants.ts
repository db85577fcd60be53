import type { PartitionState } from './state.ts'

/** What must hold after every event, checked by brute force. Sentences of what does not. */
export function partitionProblems(state: PartitionState): string[] {
  const problems: string[] = []
  const expect = (holds: boolean, what: string): void => {
    if (!holds) problems.push(what)
  }
  const leased = new Map<string, number>()
  const waiting = new Map<string, number>()
  for (const sandbox of state.sandboxes.values()) {
    const { id, lease, pool, worker } = sandbox
    expect((lease !== undefined) === (sandbox.state === 'leased'), `${id} is ${sandbox.state} with lease ${!!lease}`)
    expect(pool.idle.includes(sandbox) === (sandbox.state === 'idle'), `${id} is ${sandbox.state}, idle list disagrees`)
    expect(pool.provisioned.has(sandbox) === sandbox.provisioned, `${id}: provisioned list disagrees`)
    expect(pool.starting.has(sandbox) === (sandbox.state === 'starting'), `${id}: starting list disagrees`)
    expect(worker.sandboxes.has(sandbox) && state.workers.get(worker.id) === worker, `${id} is on an unknown worker`)
    expect(worker.connection !== undefined || lease !== undefined, `${id} without lease on a worker that is away`)
    if (sandbox.state !== 'stopping') expect(state.pools.get(pool.key) === pool, `${id} is in a forgotten pool`)
    if (!lease) continue
    expect(lease.sandbox === sandbox && pool.leases.has(lease) && lease.fn.leases.has(lease), `${id}: lease not listed`)
    expect(lease.holder ? lease.holder.leases.has(lease) : state.orphans.has(lease), `${id}: lease has no keeper`)
    expect(!(lease.holder && state.orphans.has(lease)), `${id}: lease held and orphaned`)
    if (lease.holder)
      expect(state.dispatchers.get(lease.holder.connection) === lease.holder, `${id}: held by a lost dispatcher`)
    leased.set(lease.fn.account.id, (leased.get(lease.fn.account.id) ?? 0) + 1)
  }
  for (const pool of state.pools.values()) {
    let probing = 0
    for (const lease of pool.leases) if (lease.probing) probing += 1
    expect(pool.probing === probing, `${pool.key}: ${pool.probing} probes counted, ${probing} open`)
    if (!state.rebuilding)
      expect(pool.idle.length === 0 || pool.waiters.size === 0, `${pool.key}: waiters beside idle sandboxes`)
    for (const waiter of pool.waiters) {
      expect(waiter.slot !== undefined, `${pool.key}: a waiter without a slot`)
      waiting.set(pool.fn.account.id, (waiting.get(pool.fn.account.id) ?? 0) + 1)
    }
  }
  for (const account of state.accounts.values()) {
    const counted = (leased.get(account.id) ?? 0) + (waiting.get(account.id) ?? 0)
    expect(account.ledger.used === counted, `${account.id}: ${account.ledger.used} slots taken, ${counted} in use`)
    for (const fn of account.functions.values())
      expect(account.blocked.has(fn) === fn.blocked.size > 0, `${fn.name}: blocked list disagrees`)
  }
  let waiters = 0
  for (const dispatcher of state.dispatchers.values()) waiters += dispatcher.waiters.size
  expect(waiters === state.waiting, `${state.waiting} waiters counted, ${waiters} known`)
  for (const worker of state.workers.values()) {
    let promised = 0
    for (const sandbox of worker.sandboxes) promised += sandbox.memoryMb
    expect(promised === worker.promisedMb, `${worker.id}: ${worker.promisedMb} MB promised, ${promised} in use`)
    const connected = worker.connection !== undefined && state.workerOf.get(worker.connection) === worker
    expect(connected || worker.connection === undefined, `${worker.id}: connection disagrees`)
  }
  return problems
}
