import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { accountId, buckets, streams } from '@weft/contracts'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, invoke, openCluster } from './cluster.ts'
import { createFunction, echo } from './functions.ts'

const name = `faults-${randomBytes(4).toString('hex')}`
let cluster: Cluster
let lambda: LambdaClient
let admin: NatsLink

beforeAll(async () => {
  cluster = openCluster()
  lambda = await cluster.lambda()
  await createFunction(lambda, name, echo)
  const creds = readFileSync(join(cluster.state.clusterDir, 'admin', 'nats.creds'), 'utf8')
  const servers = await cluster.natsServers()
  admin = await openLink({ servers, name: 'cluster-tests', creds, log: silentLogger, timeoutMs: 30_000 })
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  cluster?.[Symbol.dispose]()
})

const worksAgain = (): Promise<void> =>
  expect
    .poll(() => invoke(lambda, name, { again: 1 }), { timeout: 120_000, interval: 250 })
    .toEqual({
      echo: { again: 1 },
    })

test('workers are replaced one after another without a failed call', async () => {
  let replaced = false
  let calls = 0
  const failed: unknown[] = []
  const caller = async (): Promise<void> => {
    while (!replaced) {
      const call = ++calls
      await invoke(lambda, name, { call, sleepMs: 20 }).catch((error: unknown) => failed.push(error))
    }
  }
  const callers = Array.from({ length: 6 }, caller)
  for (const worker of ['worker-1', 'worker-2']) {
    await cluster.restart(worker)
    await cluster.whenHealthy(worker)
    const before = calls
    await expect.poll(() => calls, { timeout: 60_000 }).toBeGreaterThan(before + 20)
  }
  replaced = true
  await Promise.all(callers)
  expect(failed).toEqual([])
})

test('a killed worker fails the calls it runs at once, and the next ones succeed', async () => {
  const longMs = 100_000
  // Enough at once that both workers run some; the sleep outlasts the test's patience, so only the kill can end one.
  const began = performance.now()
  const enough = new AbortController()
  const calls = Array.from({ length: 8 }, () =>
    invoke(lambda, name, { sleepMs: longMs }, enough.signal).then(
      () => ({ failed: false, afterMs: performance.now() - began }),
      () => ({ failed: true, afterMs: performance.now() - began }),
    ),
  )
  await expect.poll(runningOnWorkers, { timeout: 60_000, interval: 250 }).toBe(8)
  const [one = 0, two = 0] = await Promise.all(['worker-1', 'worker-2'].map(runningOn))
  const victim = one >= two ? 'worker-1' : 'worker-2'
  const ended: { failed: boolean }[] = []
  for (const call of calls) void call.then((end) => ended.push(end))
  await cluster.crash(victim)
  await expect.poll(() => ended.length, { timeout: 60_000, interval: 100 }).toBe(Math.max(one, two))
  expect(ended.every((end) => end.failed)).toBe(true)
  expect(performance.now() - began).toBeLessThan(longMs)
  expect(await invoke(lambda, name, { after: victim })).toEqual({ echo: { after: victim } })
  await cluster.whenHealthy(victim)
  // Those of the other worker sleep on; nobody waits for them.
  enough.abort()
  await Promise.all(calls)
})

/** Calls that a worker runs, as its health tells. */
const runningOn = async (worker: string): Promise<number> => Number((await cluster.details(worker)).running)
const runningOnWorkers = async (): Promise<number> =>
  (await Promise.all(['worker-1', 'worker-2'].map(runningOn))).reduce((sum, n) => sum + n, 0)

test('a killed frontend: the other one serves, and it comes back', async () => {
  const other = await cluster.lambda('frontend-2')
  await cluster.stop('frontend-1')
  for (let call = 0; call < 10; call++) expect(await invoke(other, name, { call })).toEqual({ echo: { call } })
  await cluster.start('frontend-1')
  await cluster.whenHealthy('frontend-1')
  lambda = await cluster.lambda('frontend-1')
  expect(await invoke(lambda, name, { back: 1 })).toEqual({ echo: { back: 1 } })
})

test('a placement that dies is followed by the other, and calls go on', async () => {
  const leader = await leaderOf(0)
  await cluster.crash(leader.service)
  // The sandbox that is warm needs no placement; a cold one waits for the new leader.
  expect(await invoke(lambda, name, { warm: 1 })).toEqual({ echo: { warm: 1 } })
  await expect
    .poll(async () => (await leaderOf(0)).epoch, { timeout: 120_000, interval: 250 })
    .toBeGreaterThan(leader.epoch)
  await worksAgain()
  await cluster.whenHealthy(leader.service)
})

async function leaderOf(partition: number): Promise<{ service: string; epoch: number }> {
  const entry = await admin.jsm.streams.getMessage(`KV_${buckets.leaders}`, {
    last_by_subj: `$KV.${buckets.leaders}.placement.${partition}`,
  })
  if (!entry) throw new Error(`partition ${partition} has no leader`)
  const { address, epoch } = entry.json<{ address: string; epoch: number }>()
  return { service: address.split(':')[0] as string, epoch }
}

test('events accepted while the leader of their stream is killed all run', async () => {
  const stream = streams.events(accountId(cluster.connection.accountId))
  const { cluster: placed } = await admin.jsm.streams.info(stream)
  const leader = placed?.leader
  expect(leader).toMatch(/^nats-[123]$/)
  const mark = `leader-${randomBytes(4).toString('hex')}`
  const accepted: string[] = []
  const send = async (id: string): Promise<void> => {
    try {
      await lambda.send(
        new InvokeCommand({
          FunctionName: name,
          InvocationType: 'Event',
          Payload: Buffer.from(JSON.stringify({ print: `${mark}-${id}-end` })),
        }),
      )
      accepted.push(id)
    } catch {
      // Not accepted, so nothing is promised of it.
    }
  }
  for (let n = 0; n < 20; n++) await send(`before${n}`)
  await cluster.crash(leader as string)
  for (let n = 0; n < 40; n++) await send(`after${n}`)
  expect(accepted.length).toBeGreaterThan(20)
  const missing = async (): Promise<readonly string[]> => {
    const events = await (await cluster.http()).logEvents(`/aws/lambda/${name}`, 0)
    if (!events.ok) return accepted
    const text = events.value.map(({ message }) => message).join('\n')
    return accepted.filter((id) => !text.includes(`${mark}-${id}-end`))
  }
  await expect.poll(missing, { timeout: 240_000, interval: 1_000 }).toEqual([])
  await cluster.whenHealthy(leader as string)
})
