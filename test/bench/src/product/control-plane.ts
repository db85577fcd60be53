import type { FabricClient } from '@weft/cli'
import type { FabricConnection } from '@weft/contracts'
import { type Bed, type BedOptions, scaled } from '../core/case.ts'
import { median } from '../core/statistics.ts'
import { createFunction, deleteFunction, lambda } from './functions.ts'

const pageSize = 50

/** Functions made one after another, and all of them listed in pages: what the first cost and what the last cost. */
export function controlPlaneBed(client: FabricClient, connection: FabricConnection, options: BedOptions): Bed {
  let made = 0
  return {
    cases: [
      {
        id: 'product.control-plane',
        title: 'Weft makes and lists functions',
        group: 'product',
        measure: async () => {
          const names = Array.from({ length: scaled(1_000, options, 2 * pageSize) }, () => `bench-made-${++made}`)
          const createMs: number[] = []
          for (const name of names) {
            const startedMs = performance.now()
            await createFunction(client, connection, 'sink', name)
            createMs.push(performance.now() - startedMs)
          }
          const pageMs = await listAll(client)
          for (const name of names) await deleteFunction(client, name)
          const tenth = Math.ceil(names.length / 10)
          return {
            p50Ms: median(createMs),
            firstMs: median(createMs.slice(0, tenth)),
            lastMs: median(createMs.slice(-tenth)),
            firstPagesMs: median(pageMs.slice(0, 5)),
            lastPagesMs: median(pageMs.slice(-5)),
          }
        },
      },
    ],
    async [Symbol.asyncDispose]() {},
  }
}

/** What each page took, ms. */
async function listAll(client: FabricClient): Promise<number[]> {
  const taken: number[] = []
  for (let marker = ''; ; ) {
    const startedMs = performance.now()
    const query = `MaxItems=${pageSize}${marker && `&Marker=${encodeURIComponent(marker)}`}`
    const answer = await lambda(client, 'GET', `/2015-03-31/functions?${query}`)
    taken.push(performance.now() - startedMs)
    const { NextMarker } = JSON.parse(answer.body.toString('utf8')) as { NextMarker?: string }
    if (!NextMarker) return taken
    marker = NextMarker
  }
}
