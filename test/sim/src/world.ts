import {
  type AccountId,
  accountId,
  type FunctionName,
  functionName,
  type InvokeOutcome,
  type ResolvedFunction,
  sandboxKey,
} from '@weft/contracts'
import { SandboxSpec } from '@weft/contracts/sandbox'
import type { PendingCall } from '@weft/invoke'
import type { ModelRun } from '@weft/placement/testing'
import { Board } from './board.ts'
import { DispatcherProcess } from './dispatcher-process.ts'
import { Network } from './network.ts'
import { PlacementProcess, type ProvisionedWish } from './placement-process.ts'
import type { AccountPlan, Plan } from './plan.ts'
import { Process } from './process.ts'
import { Dice } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { WorkerProcess } from './worker-process.ts'

/** A call and what the simulated client saw of it. */
export interface SimCall {
  readonly id: number
  readonly accountId: string
  readonly functionName: string
  readonly dispatcher: DispatcherProcess
  readonly startedAt: number
  outcomes: InvokeOutcome[]
  endedAt: number
  pending: PendingCall | undefined
  runs: number
}

/** Everything of one seed: processes, wires, the board, the clients, and the watch over what must never happen. */
export class World {
  readonly plan: Plan
  readonly dice: Dice
  readonly scheduler = new Scheduler()
  readonly network: Network
  readonly board: Board
  readonly placements: PlacementProcess[] = []
  readonly workers: WorkerProcess[] = []
  readonly dispatchers: DispatcherProcess[] = []
  readonly calls: SimCall[] = []
  readonly problems: string[] = []
  readonly trace: string[] = []
  /** No faults and no long runs any more. */
  calm = false
  #names = 0

  constructor(plan: Plan) {
    this.plan = plan
    this.dice = new Dice(plan.seed + 1)
    this.network = new Network(this.scheduler, this.dice, { delayMs: plan.delayMs, detectMs: plan.timings.detectMs })
    this.board = new Board(this.scheduler, this.dice, plan.ttlMs)
    for (let i = 0; i < plan.placements; i++) this.addPlacement()
    for (let i = 0; i < plan.workers; i++) this.addWorker()
    for (let i = 0; i < plan.dispatchers; i++) this.addDispatcher()
  }

  get now(): number {
    return this.scheduler.now
  }

  note(text: string): void {
    this.trace.push(`${this.now.toFixed(1)} ${text}`)
  }

  fail(what: string): void {
    this.problems.push(`at ${this.now.toFixed(1)} ms: ${what}`)
  }

  addPlacement(): void {
    const process = this.#process('p')
    this.placements.push(
      new PlacementProcess(process, {
        board: this.board,
        dice: this.dice,
        partitions: this.plan.partitions,
        timings: this.plan.timings,
        settingsOf: (id) => this.#account(id).settings,
        provisionedOf: (partition) => this.#provisionedOf(partition),
      }),
    )
  }

  addWorker(): void {
    const process = this.#process('w')
    this.workers.push(
      new WorkerProcess(process, {
        board: this.board,
        dice: this.dice,
        partitions: this.plan.partitions,
        timings: this.plan.timings,
        whenBlind: this.plan.whenBlind,
        memoryMb: this.plan.workerMemoryMb,
        parallelStarts: this.plan.parallelStarts,
        dialPlacement: (from, id) => {
          const to = this.placements.find((p) => p.process.id === id)
          return this.network.dial(from, to?.process, (end) => to?.acceptWorker(end))
        },
        runMs: () =>
          !this.calm && this.dice.chance(this.plan.longRunChance)
            ? this.dice.between(500, this.plan.longestRunMs)
            : this.dice.between(1, 120),
        onRun: (run) => this.#ran(run),
      }),
    )
  }

  /** Another worker comes, and when this one has nothing left it goes. */
  replace(worker: WorkerProcess): void {
    this.addWorker()
    worker.leave(() => {
      worker.process.die()
      this.network.breakAll(worker.process)
      this.workers.splice(this.workers.indexOf(worker), 1)
      this.note(`${worker.process.id} has left`)
    })
  }

  addDispatcher(): void {
    const process = this.#process('d')
    this.dispatchers.push(
      new DispatcherProcess(process, {
        board: this.board,
        partitionOf: (id) => Number(id) % this.plan.partitions,
        idleLeaseMs: this.plan.idleLeaseMs,
        dialPlacement: (from, id) => {
          const to = this.placements.find((p) => p.process.id === id)
          return this.network.dial(from, to?.process, (end) => to?.acceptDispatcher(end))
        },
        dialWorker: (from, id) => {
          const to = this.workers.find((w) => w.process.id === id)
          return this.network.dial(from, to?.process, (end) => to?.accept(end))
        },
      }),
    )
  }

  call(dispatcher: DispatcherProcess, account: AccountPlan, name: string): SimCall {
    const call: SimCall = {
      id: this.calls.length,
      accountId: account.id,
      functionName: name,
      dispatcher,
      startedAt: this.now,
      outcomes: [],
      endedAt: Number.NaN,
      pending: undefined,
      runs: 0,
    }
    this.calls.push(call)
    const spec = specOf(accountId(account.id), functionName(name))
    call.pending = dispatcher.invoke(
      {
        requestId: `${call.id}`,
        target: { invokedArn: spec.functionArn } as ResolvedFunction,
        payload: Buffer.alloc(0),
        source: 'sync',
        attempt: 1,
        logTail: false,
        acceptedAtMs: this.now,
      },
      spec,
      (outcome) => {
        call.outcomes.push(outcome)
        call.endedAt = this.now
        if (call.outcomes.length > 1) this.fail(`call ${call.id} has ${call.outcomes.length} outcomes`)
      },
    )
    return call
  }

  /** Invocations that run now, on all workers. */
  runs(): readonly ModelRun[] {
    return this.workers.flatMap((w) => w.runs())
  }

  #ran(run: ModelRun): void {
    const { accountId: id, functionName: name } = run.spec
    const call = this.calls[Number(run.invocation.requestId)]
    if (call) call.runs += 1
    if (call && call.runs > 1) this.fail(`call ${call.id} runs for the ${call.runs}th time`)
    if (call && call.outcomes.length > 0 && call.outcomes[0]?.kind !== 'platform-error')
      this.fail(`call ${call.id} runs after its outcome`)
    if (call && call.outcomes[0]?.kind === 'platform-error' && !call.outcomes[0].mayHaveRun)
      this.fail(`call ${call.id} runs though its caller was told that it did not`)
    const { settings } = this.#account(id)
    const of = this.runs().filter((r) => r.spec.accountId === id)
    if (of.length > settings.accountLimit) this.fail(`account ${id} runs ${of.length} of ${settings.accountLimit}`)
    const own = settings.reserved.get(name)
    if (own !== undefined) {
      const running = of.filter((r) => r.spec.functionName === name).length
      if (running > own) this.fail(`${id}/${name} runs ${running} of its ${own}`)
      return
    }
    let shared = settings.accountLimit
    for (const n of settings.reserved.values()) shared -= n
    const running = of.filter((r) => !settings.reserved.has(r.spec.functionName)).length
    if (running > shared) this.fail(`unreserved pool of ${id} runs ${running} of ${shared}`)
  }

  /** Another number of provisioned environments, known to every placement at about the same time. */
  provision(account: AccountPlan, count: number): void {
    account.provisioned = count
    for (const placement of this.placements) placement.process.after(0, () => placement.provisionedChanged())
  }

  #provisionedOf(partition: number): ProvisionedWish[] {
    return this.plan.accounts
      .filter(({ id }) => Number(id) % this.plan.partitions === partition)
      .map(({ id, functions: [first = ''], provisioned }) => ({
        ...{ accountId: id, functionName: first },
        targets: provisioned > 0 ? [{ spec: specOf(accountId(id), functionName(first)), count: provisioned }] : [],
      }))
  }

  #account(id: string): AccountPlan {
    const account = this.plan.accounts.find((a) => a.id === id)
    if (!account) throw new Error(`no account ${id}`)
    return account
  }

  #process(kind: string): Process {
    return new Process(`${kind}${++this.#names}`, this.scheduler, this.dice)
  }
}

const specs = new Map<string, SandboxSpec>()

function specOf(account: AccountId, name: FunctionName): SandboxSpec {
  const key = sandboxKey(account, name, '$LATEST', 'r1')
  let spec = specs.get(key)
  if (!spec) {
    spec = SandboxSpec.fromPartial({
      sandboxKey: key,
      accountId: account,
      functionName: name,
      version: '$LATEST',
      functionArn: `arn:aws:lambda:us-east-1:${account}:function:${name}`,
      runtime: 'nodejs24.x',
      memoryMb: 128,
      timeoutMs: 20_000,
      codeDigest: 'c0de',
    })
    specs.set(key, spec)
  }
  return spec
}
