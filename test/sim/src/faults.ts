import type { World } from './world.ts'

/**
 * A split that lasts longer than the fencing: some dispatchers and a worker on the one side, the other dispatchers and
 * all placements on the other, perhaps with a new leader there.
 */
export function split(world: World): void {
  const { dice, network } = world
  const worker = dice.pick(world.workers)
  const dispatcher = dice.pick(world.dispatchers)
  for (const placement of world.placements) {
    network.block(worker.process, placement.process)
    network.block(dispatcher.process, placement.process)
  }
  world.note(`split ${worker.process.id} and ${dispatcher.process.id} from placement`)
  if (!dice.chance(0.5)) return
  const leader = dice.pick(world.placements)
  leader.resignAll()
  world.note(`resign ${leader.process.id}`)
}

/** As a machine that swaps, a paused container, or SIGSTOP and SIGCONT, ms. */
const hangMs = 45_000

/** A process hangs and goes on as if nothing had been: mostly a worker, for that is where things run. */
export function hang(world: World): void {
  const { dice, network } = world
  const { process } = dice.chance(0.7)
    ? dice.pick(world.workers)
    : dice.pick([...world.placements, ...world.dispatchers])
  process.pause(hangMs)
  network.hangAll(process, hangMs)
  world.note(`hang ${process.id} for ${hangMs} ms`)
}

/** One fault, chosen by the dice. Those that must not happen together under the plan's promises do not. */
export function strike(world: World): void {
  const { dice, network, board, plan } = world
  const placement = dice.pick(world.placements)
  const worker = dice.pick(world.workers)
  const dispatcher = dice.pick(world.dispatchers)
  const others = [...world.placements, ...world.workers, ...world.dispatchers].map((p) => p.process)
  const faults: (() => string)[] = [
    () => {
      if (network.links.size === 0) return 'nothing to break'
      const link = dice.pick([...network.links])
      link.break(plan.timings.detectMs)
      return `break ${link.a.id}-${link.b.id}`
    },
    () => {
      const a = dice.pick(others)
      const b = dice.pick(others)
      if (a !== b) network.block(a, b)
      return `block ${a.id}-${b.id}`
    },
    () => {
      network.block(worker.process, placement.process)
      network.block(dispatcher.process, placement.process)
      return `double partition of ${worker.process.id} and ${dispatcher.process.id} from ${placement.process.id}`
    },
    () => {
      for (const p of world.placements) network.block(worker.process, p.process)
      return `cut ${worker.process.id} from placement`
    },
    () => {
      network.heal()
      board.heal()
      return 'heal'
    },
    () => {
      placement.process.pause(dice.between(500, 12_000))
      network.breakAll(placement.process)
      return `stop ${placement.process.id} for a while`
    },
    () => {
      dispatcher.process.pause(dice.between(100, 9_000))
      network.breakAll(dispatcher.process)
      return `stop ${dispatcher.process.id} for a while`
    },
    () => {
      worker.process.pause(dice.between(100, 1_000))
      return `stop ${worker.process.id} for a moment`
    },
    () => {
      placement.process.die()
      network.breakAll(placement.process)
      world.placements.splice(world.placements.indexOf(placement), 1)
      world.addPlacement()
      return `kill ${placement.process.id}`
    },
    () => {
      placement.resignAll()
      return `resign ${placement.process.id}`
    },
    () => {
      worker.process.die()
      network.breakAll(worker.process)
      world.workers.splice(world.workers.indexOf(worker), 1)
      world.addWorker()
      return `kill ${worker.process.id}`
    },
    () => {
      dispatcher.process.die()
      network.breakAll(dispatcher.process)
      world.dispatchers.splice(world.dispatchers.indexOf(dispatcher), 1)
      world.addDispatcher()
      return `kill ${dispatcher.process.id}`
    },
    () => {
      const idle = worker.model.idleSandboxes()
      if (idle.length > 0) worker.model.kill(dice.pick(idle))
      return `reap a sandbox of ${worker.process.id}`
    },
    () => {
      const runs = worker.model.runs()
      if (runs.length > 0) worker.model.kill(dice.pick(runs).sandboxId)
      return `crash a sandbox of ${worker.process.id}`
    },
    () => {
      const process = plan.whenBlind === 'fence' ? dice.pick(others) : placement.process
      board.isolate(process)
      return `isolate ${process.id} from the board`
    },
  ]
  world.note(dice.pick(faults)())
}
