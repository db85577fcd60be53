import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bed, type BedOptions, scaled } from '../core/case.ts'
import { endChild } from '../core/child.ts'
import { peers } from './programs.ts'

const startWithinMs = 20_000

/** BullMQ on Redis with an append-only file, synced every second as Redis has it by default: jobs of a handler that does nothing. */
export async function queuePeer(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const dir = await mkdtemp(join(tmpdir(), 'weft-bench-'))
    stack.defer(() => rm(dir, { recursive: true, force: true }))
    const socket = join(dir, 'redis.sock')
    const settings = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--appendonly', 'yes', '--save', '']
    const redis = spawn('redis-server', settings, { stdio: ['ignore', 'ignore', 'inherit'] })
    stack.defer(() => endChild(redis))
    await whenListening(socket)

    const child = spawn(process.execPath, [join(peers, 'bullmq.mjs'), socket], { stdio: ['pipe', 'pipe', 'inherit'] })
    stack.defer(() => endChild(child))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const line = async (): Promise<string> => {
      const next = await lines.next()
      if (next.done) throw new Error('the BullMQ process ended')
      return next.value
    }
    await line()
    const measure = async () => {
      const count = scaled(20_000, options, 200)
      child.stdin.write(`${count}\n`)
      return { perSecond: (count / Number(await line())) * 1_000 }
    }
    return {
      cases: [{ id: 'peer.bullmq', title: 'BullMQ on Redis, add to last handled, in process', group: 'peer', measure }],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function whenListening(socket: string): Promise<void> {
  for (const deadlineMs = performance.now() + startWithinMs; ; await wait(25)) {
    const attempt = connect(socket)
    try {
      await once(attempt, 'connect')
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw new Error('redis-server does not answer', { cause: error })
    } finally {
      attempt.destroy()
    }
  }
}
