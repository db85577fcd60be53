import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { FabricClient } from '@weft/cli'
import { startFabric, workerMark } from '@weft/kit'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { type BenchFunction, createFunction, deleteFunction } from './functions.ts'

/** The size that the goal speaks of. */
const memoryMb = 256
/** Calls of each: an environment that has only been initialised has not grown to its size yet. */
const callsEach = 5
/** Until the last call's environments are frozen, the pool of stem cells is full and its memory has settled. */
const settleMs = 3_000

/**
 * Memory of idle environments of functions that were called: the proportional set size of every process in them, which
 * counts a page that n processes share as a n-th, and what the kernel holds for them.
 */
export async function densityBed(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const { connection, dataDir, pid } = stack.use(await startFabric())
    const client = stack.use(new FabricClient(connection))
    const density = (id: string, title: string, what: BenchFunction): Case => ({
      id: `product.density-${id}`,
      title,
      group: 'product',
      measure: async () => {
        const names = Array.from({ length: scaled(24, options, 4) }, (_, n) => `bench-density-${id}-${n}`)
        for (const name of names) await createFunction(client, connection, what, name, memoryMb)
        // Stems of the runtime are there from now on; they are no environments of functions.
        await call(client, names[0] as string)
        await wait(settleMs)
        const before = memoryOf(dataDir, pid)
        const rest = names.slice(1)
        for (const name of rest) for (let n = 0; n < callsEach; n++) await call(client, name)
        await wait(settleMs)
        const after = memoryOf(dataDir, pid)
        for (const name of names) await deleteFunction(client, name)
        const made = after.sandboxes - before.sandboxes
        if (made !== rest.length) throw new Error(`${made} sandboxes for ${rest.length} functions`)
        const pssMib = (after.kib - before.kib) / 1_024 / made
        const fabricMib = (after.fabricKib - before.fabricKib) / 1_024 / made
        return { pssMib, fabricMib, perGib: 1_024 / pssMib }
      },
    })
    return {
      cases: [
        density('node', 'Weft idle environment, Node, 256 MB', 'node'),
        density('python', 'Weft idle environment, Python, 256 MB', 'python'),
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function call(client: FabricClient, name: string): Promise<void> {
  const called = await client.invoke(name, JSON.stringify({ mark: 'idle' }))
  if (!called.ok) throw new Error(`${name}: ${called.error.code}: ${called.error.message}`)
  if (called.value.functionError) throw new Error(`${name}: ${called.value.payload.toString('utf8')}`)
}

/** Of all sandboxes of the fabric together, and of its own process. */
function memoryOf(dataDir: string, pid: number): { sandboxes: number; kib: number; fabricKib: number } {
  const owner = workerMark(dataDir)
  const found = new Set<string>()
  let kib = 0
  for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const id = sandboxOf(process, owner)
    if (id === undefined) continue
    found.add(id)
    kib += pssKib(process)
  }
  for (const id of found) kib += kernelKib(join('weft', owner, id))
  return { sandboxes: found.size, kib, fabricKib: pssKib(`${pid}`) }
}

function sandboxOf(process: string, owner: string): string | undefined {
  return new RegExp(`/weft/${owner}/(\\w+)`).exec(readIfThere(`/proc/${process}/cgroup`) ?? '')?.[1]
}

const pssKib = (process: string): number =>
  Number(/^Pss: +(\d+) kB$/m.exec(readIfThere(`/proc/${process}/smaps_rollup`) ?? '')?.[1] ?? 0)

/** Page tables, stacks, sockets and the like. */
function kernelKib(group: string): number {
  const version1 = readIfThere(join('/sys/fs/cgroup/memory', group, 'memory.kmem.usage_in_bytes'))
  if (version1 !== undefined) return Number(version1) / 1_024
  const folder = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].map((root) => join(root, group)).find(existsSync)
  const stat = readIfThere(join(folder ?? '', 'memory.stat'))
  return Number(/^kernel (\d+)$/m.exec(stat ?? '')?.[1] ?? 0) / 1_024
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
