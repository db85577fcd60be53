// Per line of input, a number: adds as many jobs, runs all of them in this process, and prints how long that took, ms.
import { createInterface } from 'node:readline'
import { Queue, Worker } from 'bullmq'

/** As many callers add, and as many handlers run, as the product's events have. */
const concurrency = 256
const connection = { path: process.argv[2], maxRetriesPerRequest: null }
const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
let handled = 0
let target = 0
let done = () => {}
const worker = new Worker('bench', async () => {}, { connection, concurrency })
worker.on('completed', () => {
  if (++handled === target) done()
})
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
process.stdout.write('{}\n')

for await (const line of createInterface(process.stdin)) {
  const count = Number(line)
  const startedMs = performance.now()
  const all = new Promise((resolve) => {
    done = resolve
  })
  target = handled + count
  let added = 0
  const add = async () => {
    while (added++ < count) await queue.add('event', {})
  }
  await Promise.all(Array.from({ length: concurrency }, add))
  await all
  process.stdout.write(`${performance.now() - startedMs}\n`)
}
await worker.close()
await queue.close()
