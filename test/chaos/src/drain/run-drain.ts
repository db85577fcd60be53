import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { FabricClient } from '@weft/cli'
import { accountId, functionName, streams, subjects } from '@weft/contracts'
import { startFabric, type TestFabric } from '@weft/kit'
import { loadKeyring, type NatsLink, openLink } from '@weft/nats'
import { silentLogger as log } from '@weft/platform'
import { createFunction } from '../real/functions.ts'
import { type DrainReport, type Look, reportOf } from './drain-report.ts'
import { HeapProbe } from './live-heap.ts'

export interface DrainOptions {
  readonly events: number
  readonly tell: (line: string) => void
}

const name = 'drain'
const lookEveryMs = 250
const tellEveryLooks = 40
const publishers = 128

/**
 * Fills the queue while the fabric's process stands still (its bus does not), lets it go on, and watches it work the backlog
 * off: all of it as `npm start` runs it, in one process, with real sandboxes.
 */
export async function runDrain({ events, tell }: DrainOptions): Promise<DrainReport> {
  await using fabric = await startInspected()
  const { connection, pid } = fabric
  using door = new FabricClient(connection)
  await createFunction([door], connection, name, 'export const handler = async () => {}', 3)
  await door.invoke(name, '{}')
  const account = accountId(connection.accountId)
  const keyring = loadKeyring(join(fabric.dataDir, 'keys'), { tenantStorageBytes: 0 })
  await using admin = await linkTo(connection.nats, await keyring.serviceCreds('admin'))
  await using owner = await linkTo(connection.nats, readFileSync(connection.natsCreds, 'utf8'))

  fabric.kill('SIGSTOP')
  try {
    await fill(owner, subjects.event(account, functionName(name)), events)
  } finally {
    fabric.kill('SIGCONT')
  }
  tell(`${events} events wait`)
  using probe = await inspect(fabric)
  const looks: Look[] = []
  const liveMb: number[] = []
  const startedMs = performance.now()
  for (let done = 0; done < events; ) {
    await wait(lookEveryMs)
    done = events - (await admin.jsm.streams.info(streams.events(account))).state.messages
    looks.push({ atMs: performance.now() - startedMs, done, residentMb: residentMb(pid) })
    if (looks.length % tellEveryLooks === 0) tell(`${done} of ${events} done, ${residentMb(pid).toFixed(0)} MB`)
    // When everything has warmed up, and at the end.
    if (liveMb.length === 0 && done >= events / 10) liveMb.push(await probe.liveMb())
  }
  liveMb.push(await probe.liveMb())
  const [first = Number.NaN, last = Number.NaN] = liveMb
  return reportOf(events, looks, { first, last })
}

/** The fabric, with an inspector that opens on SIGUSR1 on a port of its own. */
async function startInspected(): Promise<TestFabric> {
  const { NODE_OPTIONS } = process.env
  process.env.NODE_OPTIONS = '--inspect-port=127.0.0.1:0'
  try {
    return await startFabric()
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = NODE_OPTIONS
  }
}

async function inspect(fabric: TestFabric): Promise<HeapProbe> {
  fabric.kill('SIGUSR1')
  while (!fabric.output().includes('ws://')) await wait(50)
  return HeapProbe.open(fabric.output())
}

const linkTo = (server: string, creds: string): Promise<NatsLink> =>
  openLink({ servers: [server], name: 'drain', creds, log })

async function fill(link: NatsLink, subject: string, events: number): Promise<void> {
  let sent = 0
  const publish = async (): Promise<void> => {
    while (sent++ < events) {
      const answer = await link.connection.request(subject, '{}', { timeout: 30_000 })
      const { error } = answer.json<{ error?: { description: string } }>()
      if (error) throw new Error(`an event was not accepted: ${error.description}`)
    }
  }
  await Promise.all(Array.from({ length: publishers }, publish))
}

const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
