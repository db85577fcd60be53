import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountId, functionName, newRequestId, streams } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { natsEventAcceptor } from './events.ts'
import { ensureAccount } from './fabric.ts'
import { openLink } from './link.ts'

const account = accountId('000000000000')
const disk = mkdtempSync(join(tmpdir(), 'weft-disk-'))
/** The server is made to believe in more room than there is. */
const config = 'jetstream { store_dir: "DIR", max_file_store: 4294967296 }\nmax_payload: 8388608\n'
const stack = new AsyncDisposableStack()

beforeAll(() => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'weft-disk', disk])
  stack.defer(() => {
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })
})
afterAll(() => stack.disposeAsync())

it('an event that the disk has no room for is not accepted, and every accepted one is there', async () => {
  const server = stack.use(await startNatsServer({ dir: join(disk, 'nats'), config }))
  const link = stack.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger }))
  const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const
  await ensureAccount(link, account, storage, 1024 ** 3)
  const patience = { budgetMs: 500, timeoutMs: 2_000 }
  const acceptor = natsEventAcceptor({ link, log: silentLogger, patience })
  const payload = Buffer.alloc(1_000_000, 'x')
  let accepted = 0
  let refused: string | undefined
  // Far more than fits.
  for (let n = 0; n < 100 && refused === undefined; n++) {
    const answer = await acceptor.accept({
      ...{ requestId: newRequestId(), accountId: account, functionName: functionName('f'), payload, acceptedAtMs: n },
    })
    if (answer.ok) accepted++
    else refused = answer.error
  }
  expect(['store-full', 'unavailable']).toContain(refused)
  expect(accepted).toBeGreaterThan(10)
  execFileSync('mount', ['-o', 'remount,size=200m', disk])
  await server.restart()
  await expect
    .poll(async () => (await link.jsm.streams.info(streams.events(account))).state.messages, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(accepted)
})
