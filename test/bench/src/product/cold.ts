import { setTimeout as wait } from 'node:timers/promises'
import type { FabricClient } from '@weft/cli'
import type { FabricConnection } from '@weft/contracts'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { oneByOne } from '../core/closed-loop.ts'
import { HttpConnection } from '../load/http-connection.ts'
import { payload } from '../load/payload.ts'
import { signedInvoke } from '../load/signed-invoke.ts'
import { type BenchFunction, createFunction, deleteFunction } from './functions.ts'

/** Between two cold calls, so that the pool of stem cells is full again; its refill is another figure. */
const refillMs = 400

/** First calls of functions that never ran, answered from stem cells. */
export function coldBed(client: FabricClient, connection: FabricConnection, options: BedOptions): Bed {
  let made = 0
  const cold = (id: string, title: string, what: BenchFunction): Case => ({
    id: `product.cold-${id}`,
    title,
    group: 'product',
    measure: async () => {
      const names = Array.from({ length: scaled(20, options, 3) }, () => `bench-cold-${id}-${++made}`)
      for (const name of names) await createFunction(client, connection, what, name)
      using http = await HttpConnection.open('127.0.0.1', Number(new URL(connection.http).port))
      const sample = await oneByOne(names.length, async (n) => {
        await wait(refillMs)
        const request = signedInvoke(connection, names[n] as string, payload)()
        const startedMs = performance.now()
        const answer = await http.send(request)
        const takenMs = performance.now() - startedMs
        if (answer.status !== 200 || answer.head.includes('x-amz-function-error'))
          throw new Error(`a cold call failed: ${answer.body.toString('utf8').slice(0, 300)}`)
        return takenMs
      })
      for (const name of names) await deleteFunction(client, name)
      return sample
    },
  })
  return {
    cases: [
      cold('node', 'Weft cold call from a stem cell, Node', 'node'),
      cold('python', 'Weft cold call from a stem cell, Python', 'python'),
    ],
    async [Symbol.asyncDispose]() {},
  }
}
