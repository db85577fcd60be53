/** The protocol broken in one place. */
export interface Mutant {
  readonly name: string
  /** Of the repository. */
  readonly file: string
  /** Occurs once in the file. */
  readonly find: string
  readonly replace: string
  /** No seed tells, because another rule does the same work. */
  readonly coveredBy?: string
}

const gate = 'libs/placement/src/gate.ts'
const dispatchers = 'libs/placement/src/dispatchers.ts'

/** Each takes one rule of the lease protocol away; the simulator must find every one that is not covered twice. */
export const mutants: readonly Mutant[] = [
  {
    name: 'a worker runs under leases that were superseded',
    file: gate,
    find: 'if (order < 0) return false',
    replace: '',
    coveredBy: 'a lease is given away only after its end was told to the worker or seen by its holder',
  },
  {
    name: 'a worker runs under leases that were ended',
    file: gate,
    find: 'if (ended && compareLeaseIds(lease, ended) <= 0) return false',
    replace: '',
  },
  {
    name: 'a worker accepts leases that its hello did not tell of',
    file: gate,
    find: 'if (lease.epoch < this.#epoch) return false',
    replace: '',
    coveredBy: 'a dispatcher tells a new leader of the leases it holds, used or not',
  },
  {
    name: 'a worker never stops what runs without a leader',
    file: gate,
    find: 'return at !== undefined && now >= at',
    replace: 'return at !== undefined && now >= at && false',
  },
  {
    name: 'a worker that was stopped for long takes up where it was',
    file: gate,
    find: 'const stopped = now - this.#awakeAt >= this.#timings.workerFenceMs',
    replace: 'const stopped = false',
  },
  {
    name: 'a new leader grants at once',
    file: 'libs/placement/src/partition.ts',
    find: 'return (config.expected !== undefined && missing.size === 0) || now >= startedAt + timings.rebuildMs',
    replace: 'return config !== undefined || missing.size === now + startedAt + timings.rebuildMs',
    coveredBy: 'slots that may be in use on silent workers are withheld',
  },
  {
    name: 'a leader forgets what may run on silent workers',
    file: 'libs/placement/src/state.ts',
    find: 'sum += Math.max(0, slots - (this.workers.get(workerId)?.sandboxes.size ?? 0))',
    replace: 'sum += 0 * slots * workerId.length',
  },
  {
    name: 'a leader frees the slots of a lost worker at once',
    file: 'libs/placement/src/workers.ts',
    find: 'now < worker.lostAt + state.timings.fencedAfterMs',
    replace: 'now < worker.lostAt',
  },
  {
    name: 'a leader frees the leases of a lost dispatcher at once',
    file: dispatchers,
    find: 'for (const lease of [...dispatcher.leases]) orphan(state, lease, now)',
    replace: 'for (const lease of [...dispatcher.leases]) finishAndReuse(state, lease, now)',
  },
  {
    name: 'a release of what may still run frees its slot',
    file: dispatchers,
    find: 'if (!request.mayStillRun) {',
    replace: 'if (request) {',
  },
  {
    name: 'a report that was overtaken counts',
    file: 'libs/placement/src/workers.ts',
    find: 'if (hello.generation !== 0n && hello.generation < worker.generation) {',
    replace: 'if (hello.generation < 0n) {',
    coveredBy: 'the worker obeys only the connection that it opened last',
  },
  {
    name: 'calls are refused while idle leases could be recalled',
    file: 'libs/placement/src/admitting.ts',
    find: 'recall(state, lease)\n    pending += 1\n',
    replace: '',
  },
  {
    name: 'a dispatcher keeps what was recalled',
    file: 'libs/invoke/src/runs.ts',
    find: 'if (sandboxLost || held.recalled || this.#closing) {',
    replace: 'if (sandboxLost || this.#closing) {',
  },
  {
    name: 'a dispatcher runs a call again that may have run',
    file: 'libs/invoke/src/runs.ts',
    find: "if (!opened) this.#retry(pending, 'the worker could not be reached', now)",
    replace: "if (now > 0) this.#retry(pending, 'the worker could not be reached', now)",
  },
]
