import type { SandboxReport, WorkerFrame, WorkerHello } from '@weft/contracts/placement'
import { compareLeaseIds, sameLease } from './lease-id.ts'
import { adoptLease, finishAndRemove, finishAndReuse, finishLease, recall, revoke } from './leases.ts'
import { provisionFailed, provisionSucceeded, provisionTimeoutMs, unmark } from './provisioned.ts'
import {
  addSandbox,
  dropIfEmpty,
  fillIn,
  makeAvailable,
  markReported,
  newWorker,
  removeSandbox,
  stopSandbox,
} from './sandboxes.ts'
import { startFailed } from './starts.ts'
import type { ConnectionId, PartitionState, Sandbox, Worker } from './state.ts'

export function workerHello(state: PartitionState, connection: ConnectionId, hello: WorkerHello, now: number): void {
  const worker = state.workers.get(hello.workerId) ?? newWorker(hello.workerId, hello.address, now)
  // The wire of an older hello was slower than that of a newer one; what it says is out of date.
  if (hello.generation !== 0n && hello.generation < worker.generation) {
    state.hangUp(connection)
    return
  }
  worker.generation = hello.generation
  if (worker.connection !== undefined) {
    state.workerOf.delete(worker.connection)
    state.hangUp(worker.connection)
  }
  worker.connection = connection
  worker.address = hello.address
  worker.zone = hello.zone
  worker.runtimes = new Set(hello.runtimes)
  worker.networks = new Set(hello.networks)
  worker.isolation = hello.isolation
  worker.runtimeVersions = new Set(hello.runtimeVersions)
  worker.memoryMb = Number(hello.memoryMb)
  worker.parallelStarts = hello.parallelStarts || Number.POSITIVE_INFINITY
  worker.reportedFreeMb = undefined
  worker.draining = false
  markReported(worker)
  state.workers.set(worker.id, worker)
  state.workerOf.set(connection, worker)
  state.missing.delete(worker.id)
  state.tellWorker(worker, { $case: 'welcome', value: { epoch: BigInt(state.config.epoch) } })
  const reports = new Map(hello.sandboxes.map((report) => [report.sandboxId, report]))
  for (const sandbox of [...worker.sandboxes]) {
    const report = reports.get(sandbox.id)
    if (report) reconcile(state, sandbox, report, now)
    else gone(state, sandbox, 'the worker no longer has it', now)
  }
  for (const report of reports.values()) if (!state.sandboxes.has(report.sandboxId)) adopt(state, worker, report, now)
  for (const account of state.accounts.values()) state.dirtyAccounts.add(account)
}

/** A sandbox this leader has not known: started under an earlier one, or dropped while its worker was away. */
function adopt(state: PartitionState, worker: Worker, report: SandboxReport, now: number): void {
  if (!report.spec) return
  const sandbox = addSandbox(
    state,
    report.sandboxId,
    report.spec,
    worker,
    report.starting ? 'starting' : 'idle',
    now,
    report.provisioned,
  )
  if (report.starting) return
  // Leases of this leader that it no longer knows have ended, unless something runs.
  const open = report.lease && (report.busy || Number(report.lease.epoch) < state.config.epoch)
  sandbox.everLeased = report.lease !== undefined
  if (report.lease && open) adoptLease(state, sandbox, report.lease, undefined, now)
  else makeAvailable(state, sandbox, now)
}

/** Brings what is known of a sandbox and what its worker says together. */
function reconcile(state: PartitionState, sandbox: Sandbox, report: SandboxReport, now: number): void {
  if (report.spec) fillIn(sandbox, report.spec)
  const { lease } = sandbox
  if (!lease) {
    if (sandbox.state === 'stopping') {
      stopSandbox(state, sandbox, 'asked before', now)
      return
    }
    if (report.busy && report.lease) adoptLease(state, sandbox, report.lease, undefined, now)
    else if (!report.starting) makeAvailable(state, sandbox, now)
    return
  }
  lease.ending = false
  if (sameLease(lease.id, report.lease)) return
  const unused = !report.lease || compareLeaseIds(report.lease, lease.id) < 0
  // Granted by this leader and not used yet: the worker accepts it when it comes.
  if (unused && Number(lease.id.epoch) === state.config.epoch && !report.busy) return
  // The worker refuses it from now on: leases of earlier leaders that were never used, and superseded ones.
  revoke(state, lease, 'not known to its worker')
  finishLease(state, lease)
  if (report.lease) adoptLease(state, sandbox, report.lease, undefined, now)
  else makeAvailable(state, sandbox, now)
}

export function workerFrame(
  state: PartitionState,
  connection: ConnectionId,
  { frame }: WorkerFrame,
  now: number,
): void {
  const worker = state.workerOf.get(connection)
  if (!worker || !frame) return
  switch (frame.$case) {
    case 'hello':
      return
    case 'stats':
      worker.reportedFreeMb = Number(frame.value.freeMemoryMb)
      markReported(worker)
      if (frame.value.draining && !worker.draining) drain(state, worker, now)
      worker.draining = frame.value.draining
      return
    case 'ready':
    case 'failed':
    case 'gone':
    case 'leaseEnded':
      sandboxFrame(state, worker, frame, now)
      return
  }
}

/** The worker is going away: what is idle there goes at once, what runs is not used again. */
function drain(state: PartitionState, worker: Worker, now: number): void {
  for (const sandbox of [...worker.sandboxes]) {
    sandbox.doomed = true
    if (sandbox.lease) recall(state, sandbox.lease)
    else if (sandbox.state === 'idle') stopSandbox(state, sandbox, 'its worker is going away', now)
  }
}

type SandboxFrame = Exclude<NonNullable<WorkerFrame['frame']>, { $case: 'hello' | 'stats' }>

function sandboxFrame(state: PartitionState, worker: Worker, frame: SandboxFrame, now: number): void {
  const sandbox = state.sandboxes.get(frame.value.sandboxId)
  if (!sandbox || sandbox.worker !== worker) return
  switch (frame.$case) {
    case 'ready':
      if (sandbox.state !== 'starting') return
      sandbox.pool.failures = 0
      sandbox.pool.backoffUntil = 0
      sandbox.pool.avoid = undefined
      if (sandbox.provisioned) provisionSucceeded(sandbox.pool)
      makeAvailable(state, sandbox, now)
      return
    case 'failed':
      if (sandbox.lease) {
        gone(state, sandbox, frame.value.reason, now)
        return
      }
      removeSandbox(state, sandbox)
      if (frame.value.noCapacity) worker.refusedUntil = now + state.timings.refusedMs
      else if (sandbox.provisioned)
        provisionFailed(state, sandbox.pool, frame.value.initFailed ? 'init' : 'start', now, frame.value.reason)
      else startFailed(state, sandbox.pool, worker, frame.value.reason, now)
      return
    case 'gone':
      gone(state, sandbox, frame.value.reason, now)
      return
    case 'leaseEnded':
      if (sandbox.lease && !sandbox.lease.holder && sameLease(sandbox.lease.id, frame.value.id))
        finishAndReuse(state, sandbox.lease, now)
      return
  }
}

/** The worker is the witness: nothing runs in a sandbox that no longer exists. */
function gone(state: PartitionState, sandbox: Sandbox, reason: string, now: number): void {
  const { lease, worker, pool } = sandbox
  if (lease) {
    revoke(state, lease, reason)
    finishAndRemove(state, lease)
    return
  }
  const failedStart = sandbox.state === 'starting'
  removeSandbox(state, sandbox)
  if (failedStart && sandbox.provisioned) provisionFailed(state, pool, 'start', now)
  else if (failedStart) startFailed(state, pool, worker, reason, now)
}

/**
 * What is leased there may still run: it stays counted until its dispatcher has seen the end, the worker reports, or
 * enough time has passed for the worker to have stopped by itself.
 */
export function workerLost(state: PartitionState, connection: ConnectionId, now: number): void {
  const worker = state.workerOf.get(connection)
  if (!worker) return
  state.workerOf.delete(connection)
  worker.connection = undefined
  worker.lostAt = now
  for (const sandbox of [...worker.sandboxes]) {
    const { lease } = sandbox
    if (!lease) {
      removeSandbox(state, sandbox)
      continue
    }
    lease.ending = false
    if (lease.recall !== 'busy') revoke(state, lease, 'its worker is lost')
  }
  dropIfEmpty(state, worker)
}

/** Frees what a worker that has been away for long enough has stopped. */
export function fenceWorkers(state: PartitionState, now: number): void {
  for (const worker of [...state.workers.values()]) {
    if (worker.connection !== undefined || now < worker.lostAt + state.timings.fencedAfterMs) continue
    for (const { lease } of [...worker.sandboxes]) if (lease && !lease.holder) finishAndRemove(state, lease)
  }
  for (const [workerId, { until }] of [...state.missing]) {
    if (now < until) continue
    state.missing.delete(workerId)
    for (const account of state.accounts.values()) state.dirtyAccounts.add(account)
  }
}

/** Sandboxes that did not become ready in time have failed to start. */
export function expireStarts(state: PartitionState, now: number): void {
  for (const sandbox of [...state.starting]) {
    const { pool, worker, provisioned } = sandbox
    const timeoutMs = provisioned ? provisionTimeoutMs(state, pool) : state.timings.startTimeoutMs
    if (now < sandbox.since + timeoutMs) continue
    stopSandbox(state, sandbox, 'not ready in time', now)
    if (!provisioned) startFailed(state, pool, worker, `not ready after ${timeoutMs} ms`, now)
    else {
      unmark(sandbox)
      provisionFailed(state, pool, 'init', now)
    }
  }
}
