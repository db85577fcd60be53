import { hang, split, strike } from './faults.ts'
import { type Plan, planOf } from './plan.ts'
import { type SimCall, World } from './world.ts'

export interface SeedReport {
  readonly seed: number
  readonly problems: readonly string[]
  readonly steps: number
  readonly calls: number
  readonly outcomes: Readonly<Record<string, number>>
  /** What struck, with times; for the reader of a failure. */
  readonly trace: readonly string[]
}

/** After the storm, everything must be back to normal within this time, ms: fencing and rebuilding included. */
const calmMs = 75_000

/** Longer than any frame travels, shorter than the longest time that idle leases are kept. */
const settleMs = 2_500

/** Runs one seed; the same seed and scale give the same run, step by step. */
export function runSeed(seed: number, scale = 1): SeedReport {
  const plan = planOf(seed, scale)
  const world = new World(plan)
  let steps = 0
  const check = (): void => {
    steps += 1
    if (steps % 7 === 0) checkCores(world)
    if (steps % 50 === 0) checkHolders(world, plan)
  }
  load(world, plan)
  for (const account of plan.accounts)
    if (account.provisioned > 0)
      for (const atMs of [0.3, 0.6])
        world.scheduler.after(plan.stormMs * atMs, () => world.provision(account, world.dice.integer(0, 4)))
  storm(world, plan)
  world.scheduler.runUntil(plan.stormMs, check)
  world.note('the storm is over')
  world.calm = true
  world.network.heal()
  world.board.heal()
  for (const account of plan.accounts) world.provision(account, 0)
  world.scheduler.runUntil(plan.stormMs + calmMs, check)
  checkCalls(world)
  checkQuiet(world)
  checkService(world, plan, check)
  return {
    seed,
    problems: world.problems,
    steps,
    calls: world.calls.length,
    outcomes: countOutcomes(world.calls),
    trace: world.trace,
  }
}

function load(world: World, plan: Plan): void {
  const next = (): void => {
    if (world.now >= plan.stormMs) return
    const burst = world.dice.chance(0.1) ? world.dice.integer(2, 12) : 1
    for (let i = 0; i < burst; i++) {
      const dispatcher = world.dice.pick(world.dispatchers)
      if (dispatcher.process.paused) continue
      const account = world.dice.pick(plan.accounts)
      const call = world.call(dispatcher, account, world.dice.pick(account.functions))
      if (world.dice.chance(0.05))
        world.scheduler.after(world.dice.between(0, 400), () => {
          if (call.pending) dispatcher.process.run(() => call.pending && dispatcher.core.abort(call.pending))
        })
    }
    world.scheduler.after(world.dice.between(0, 2_000 / plan.callsPerSecond), next)
  }
  world.scheduler.after(500, next)
}

function storm(world: World, plan: Plan): void {
  if (plan.faultsPerSecond === 0) return
  if (plan.split || plan.hangs) {
    const fault = plan.split ? split : hang
    for (let i = 0; i < 2; i++) world.scheduler.after(world.dice.between(2_000, 9_000), () => fault(world))
    return
  }
  const next = (): void => {
    if (world.now >= plan.stormMs) return
    strike(world)
    world.scheduler.after(world.dice.between(0, 2_000 / plan.faultsPerSecond), next)
  }
  world.scheduler.after(world.dice.between(1_000, 4_000), next)
}

/** The leaders' own books, by brute force; and never two that would grant at once. */
function checkCores(world: World): void {
  const leads = new Map<number, number>()
  for (const placement of world.placements)
    for (const { partition, core, epoch } of placement.acting()) {
      for (const problem of core.problems()) world.fail(`${placement.process.id} epoch ${epoch}: ${problem}`)
      if (leads.has(partition) && !placement.process.paused) world.fail(`two leaders act for partition ${partition}`)
      leads.set(partition, epoch)
    }
}

/** A lease is in the hands of one dispatcher. */
function checkHolders(world: World, plan: Plan): void {
  const holders = new Map<string, string>()
  for (const dispatcher of world.dispatchers)
    for (let partition = 0; partition < plan.partitions; partition++)
      for (const { sandboxId, lease } of dispatcher.held(partition)) {
        const key = `${sandboxId} ${lease}`
        const other = holders.get(key)
        if (other) world.fail(`lease ${key} is held by ${other} and ${dispatcher.process.id}`)
        holders.set(key, dispatcher.process.id)
      }
}

function checkCalls(world: World): void {
  for (const call of world.calls)
    if (call.dispatcher.process.alive && call.outcomes.length !== 1)
      world.fail(`call ${call.id} of ${call.dispatcher.process.id} has ${call.outcomes.length} outcomes in the end`)
}

/** Nothing is leased, nothing waits, and the leader knows exactly the sandboxes that exist. */
function checkQuiet(world: World): void {
  let known = 0
  for (const placement of world.placements)
    for (const { core, partition } of placement.acting()) {
      const counts = core.counts()
      if (counts.leased + counts.waiting + counts.starting + counts.stopping > 0 || counts.rebuilding)
        world.fail(`partition ${partition} is not quiet: ${JSON.stringify(counts)}`)
      known += counts.idle
    }
  const existing = world.workers.reduce((sum, worker) => sum + worker.model.sandboxes, 0)
  if (known !== existing) world.fail(`${known} sandboxes known, ${existing} exist`)
  if (world.runs().length > 0) world.fail(`${world.runs().length} invocations still run`)
}

/** Every dispatcher can run every function, and takes over leases that sit idle in another one. */
function checkService(world: World, plan: Plan, check: () => void): void {
  for (const account of plan.accounts)
    for (const name of account.functions) {
      if (account.settings.reserved.get(name) === 0) continue
      let before: SimCall[] = []
      for (const dispatcher of world.dispatchers) {
        // As many at once as the limit allows: the leases of the one before must come back for it.
        const own = account.settings.reserved.get(name)
        const shared = [...account.settings.reserved.values()].reduce(
          (left, n) => left - n,
          account.settings.accountLimit,
        )
        const room = Math.min(own ?? shared, Math.floor((plan.workerMemoryMb * plan.workers) / 128))
        const calls = Array.from({ length: room }, () => world.call(dispatcher, account, name))
        const until = world.now + 20_000
        while (world.now < until && calls.some((c) => c.outcomes.length === 0))
          world.scheduler.runUntil(world.now + 25, check)
        // What is on the wire arrives; leases that are kept idle are still there for the next dispatcher to ask for.
        world.scheduler.runUntil(world.now + settleMs, check)
        for (const call of calls) {
          const [outcome] = call.outcomes
          if (outcome?.kind !== 'succeeded' && !isBadLuck(outcome))
            world.fail(
              `in calm, call ${call.id} of ${name} by ${dispatcher.process.id} ended ${JSON.stringify(outcome)}`,
            )
        }
        before = calls
      }
      if (before.length === 0) world.fail('nobody called')
    }
}

/** Model workers fail one start in twenty. */
const isBadLuck = (outcome: SimCall['outcomes'][0] | undefined): boolean =>
  outcome?.kind === 'platform-error' && outcome.detail === 'it did not boot'

function countOutcomes(calls: readonly SimCall[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcomes } of calls) {
    const [first] = outcomes
    const key = first ? (first.kind === 'platform-error' ? `${first.kind}: ${first.detail}` : first.kind) : 'none'
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}
