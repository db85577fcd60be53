import { isolates } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { PartitionState, Sandbox, Worker } from './state.ts'

/** A worker that is not connected yet. */
export const newWorker = (id: string, address: string, now: number): Worker => ({
  id,
  connection: undefined,
  lostAt: now,
  generation: 0n,
  address,
  zone: '',
  runtimes: new Set(),
  runtimeVersions: new Set(),
  memoryMb: 0,
  networks: new Set(),
  isolation: '',
  parallelStarts: Number.POSITIVE_INFINITY,
  starting: 0,
  provisioning: 0,
  reportedFreeMb: undefined,
  promisedMb: 0,
  unreportedMb: 0,
  refusedUntil: 0,
  draining: false,
  expects: new Set(),
  sandboxes: new Set(),
  functions: new Map(),
})

export function addSandbox(
  state: PartitionState,
  id: string,
  spec: SandboxSpec,
  worker: Worker,
  startState: 'starting' | 'idle',
  now: number,
  provisioned = false,
): Sandbox {
  const sandbox: Sandbox = {
    id,
    pool: state.poolOf(spec),
    worker,
    state: startState,
    lease: undefined,
    everLeased: false,
    since: now,
    provisioned,
    doomed: false,
    memoryMb: spec.memoryMb,
    unreported: false,
  }
  state.sandboxes.set(id, sandbox)
  worker.sandboxes.add(sandbox)
  worker.promisedMb += sandbox.memoryMb
  worker.functions.set(sandbox.pool.fn, (worker.functions.get(sandbox.pool.fn) ?? 0) + 1)
  if (startState === 'starting') {
    sandbox.pool.starting.add(sandbox)
    state.starting.add(sandbox)
    worker[provisioned ? 'provisioning' : 'starting'] += 1
  }
  if (provisioned) sandbox.pool.provisioned.add(sandbox)
  return sandbox
}

/** Adds what the worker knows to a sandbox that only a dispatcher had told of. */
export function fillIn(sandbox: Sandbox, spec: SandboxSpec): void {
  if (sandbox.pool.spec.codeDigest === '') sandbox.pool.spec = spec
  sandbox.worker.promisedMb += spec.memoryMb - sandbox.memoryMb
  sandbox.memoryMb = spec.memoryMb
}

/** The worker has told its free memory: what was started before is part of it. */
export function markReported(worker: Worker): void {
  if (worker.unreportedMb > 0) for (const sandbox of worker.sandboxes) sandbox.unreported = false
  worker.unreportedMb = 0
}

/** Puts a sandbox without a lease to use: into the pool, or away if it is not fit. */
export function makeAvailable(state: PartitionState, sandbox: Sandbox, now: number): void {
  if (sandbox.worker.connection === undefined) {
    removeSandbox(state, sandbox)
    return
  }
  if (sandbox.doomed || !isolates(sandbox.worker.isolation, sandbox.pool.isolation)) {
    stopSandbox(state, sandbox, 'not fit for use', now)
    return
  }
  leaveState(state, sandbox)
  sandbox.state = 'idle'
  sandbox.since = now
  sandbox.pool.idle.push(sandbox)
  state.dirtyPools.add(sandbox.pool)
}

/** Asks the worker to remove a sandbox that has no lease. It stays known until the worker says that it is gone. */
export function stopSandbox(state: PartitionState, sandbox: Sandbox, reason: string, now: number): void {
  leaveState(state, sandbox)
  sandbox.state = 'stopping'
  sandbox.since = now
  state.tellWorker(sandbox.worker, {
    $case: 'stop',
    value: { epoch: BigInt(state.config.epoch), sandboxId: sandbox.id, reason },
  })
}

/** Forgets a sandbox that has no lease. */
export function removeSandbox(state: PartitionState, sandbox: Sandbox): void {
  const { worker, pool } = sandbox
  leaveState(state, sandbox)
  pool.provisioned.delete(sandbox)
  state.sandboxes.delete(sandbox.id)
  if (!worker.sandboxes.delete(sandbox)) return
  worker.promisedMb -= sandbox.memoryMb
  if (sandbox.unreported) worker.unreportedMb -= sandbox.memoryMb
  else if (worker.reportedFreeMb !== undefined) worker.reportedFreeMb += sandbox.memoryMb
  const others = (worker.functions.get(pool.fn) ?? 1) - 1
  if (others > 0) worker.functions.set(pool.fn, others)
  else worker.functions.delete(pool.fn)
  state.dirtyPools.add(pool)
  dropIfEmpty(state, worker)
}

/** A worker that is away is known only for the leases that may live on it. */
export function dropIfEmpty(state: PartitionState, worker: Worker): void {
  if (worker.connection === undefined && worker.sandboxes.size === 0) state.workers.delete(worker.id)
}

/** Takes the sandbox out of the lists of its present state. */
export function leaveState(state: PartitionState, sandbox: Sandbox): void {
  if (sandbox.state === 'starting') {
    sandbox.pool.starting.delete(sandbox)
    if (state.starting.delete(sandbox)) sandbox.worker[sandbox.provisioned ? 'provisioning' : 'starting'] -= 1
  } else if (sandbox.state === 'idle') {
    const at = sandbox.pool.idle.lastIndexOf(sandbox)
    if (at >= 0) sandbox.pool.idle.splice(at, 1)
  }
}
