import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { LocalCluster } from './cluster.ts'

type Draw = (below: number) => number

/** How long after its end a fault may still show: what was held is held for so long before others get it, ms. */
const afterMs = 40_000
/** What a run that a fault hits may have begun earlier, ms. */
const beforeMs = 5_000

/** Faults that were injected, and when. */
export class FaultLog {
  readonly #windows: { readonly what: string; readonly fromMs: number; toMs: number }[] = []

  async during(what: string, act: () => Promise<void>): Promise<void> {
    const window = { what, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY }
    this.#windows.push(window)
    await act()
    window.toMs = Date.now()
  }

  /** Whether something at this time, epoch ms, may be a fault's doing. */
  covers(atMs: number): boolean {
    return this.#windows.some(({ fromMs, toMs }) => atMs >= fromMs - beforeMs && atMs <= toMs + afterMs)
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { what } of this.#windows) counts[what] = (counts[what] ?? 0) + 1
    return counts
  }
}

type Fault = readonly [name: string, act: (cluster: LocalCluster, random: Draw) => Promise<void>]

const services = ['placement', 'worker', 'frontend', 'async-queue', 'poller'] as const

const oneOf = ({ processes }: LocalCluster, service: string, random: Draw) => {
  const all = processes.filter((one) => one.service === service)
  return all[random(all.length)]
}

async function paused(cluster: LocalCluster, service: string, random: Draw, forMs: number): Promise<void> {
  const one = oneOf(cluster, service, random)
  one?.signal('SIGSTOP')
  await wait(forMs)
  one?.signal('SIGCONT')
}

const kinds: readonly Fault[] = [
  ...services.flatMap((service): Fault[] => [
    [`kill -9 ${service}`, async (cluster, random) => oneOf(cluster, service, random)?.kill()],
    [`pause ${service}`, (cluster, random) => paused(cluster, service, random, 700)],
  ]),
  ['kill -9 metrics', async (cluster, random) => oneOf(cluster, 'metrics', random)?.kill()],
  // Beyond the time for which events and mappings are held.
  ['pause async-queue for 20 s', (cluster, random) => paused(cluster, 'async-queue', random, 20_000)],
  ['pause worker for 20 s', (cluster, random) => paused(cluster, 'worker', random, 20_000)],
  ['kill -9 a sandbox', async ({ workerDirs }, random) => killSandbox(workerDirs, random)],
  ['kill -9 a sandbox', async ({ workerDirs }, random) => killSandbox(workerDirs, random)],
  ['kill -9 the bus and start it again', ({ bus }) => bus.restart()],
  [
    'pause the bus',
    async ({ bus }) => {
      await bus.kill('SIGSTOP')
      await wait(700)
      await bus.kill('SIGCONT')
    },
  ],
]

export async function injectFaults(
  cluster: LocalCluster,
  log: FaultLog,
  { faults, random, tell }: { readonly faults: number; readonly random: Draw; readonly tell: (line: string) => void },
  feeding: () => boolean,
): Promise<void> {
  for (let n = 1; n <= faults; n++) {
    const [what, act] = kinds[random(kinds.length)] as Fault
    if (n % 10 === 0 || !feeding()) tell(`fault ${n} of ${faults}: ${what}`)
    await log.during(what, () => act(cluster, random))
    await wait(500 + random(1_500))
  }
}

/** Kills a process of a sandbox, whichever of its workers' it is; none when none runs. */
function killSandbox(workerDirs: readonly string[], random: Draw): void {
  const owners = workerDirs.map((dir) => createHash('sha256').update(dir).digest('hex').slice(0, 12))
  const inside = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => owners.some((owner) => groupOf(pid).includes(`/weft/${owner}/`)))
  const pid = inside[random(Math.max(1, inside.length))]
  if (pid === undefined) return
  try {
    process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Control groups of a process; "" for one that has ended meanwhile. */
function groupOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cgroup'), 'utf8')
  } catch {
    return ''
  }
}
