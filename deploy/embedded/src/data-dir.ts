import { createHash } from 'node:crypto'
import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { createServer } from 'node:net'

/** Told to the user as it is: one clear line. */
export class StartFailure extends Error {}

export interface DataDir extends AsyncDisposable {
  /** Absolute, with links resolved. */
  readonly path: string
}

/**
 * Creates the data directory if need be and takes it for this process. The lock is an abstract socket of Linux: the
 * system gives it up when the process ends, however it ends, so there is no stale lock to clean up. Two names of one
 * directory have the same lock. Throws a `StartFailure` when another fabric has it.
 */
export async function lockDataDir(dir: string): Promise<DataDir> {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new StartFailure(`data directory ${dir} cannot be made: ${(error as Error).message}`)
  }
  const path = realpathSync(dir)
  const { dev, ino } = statSync(path)
  const name = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)
  const lock = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        taken ? new StartFailure(`another fabric is running on ${path}; stop it or use another --data-dir`) : error,
      )
    })
    lock.listen(`\0weft-${name}`, resolve)
  })
  lock.unref()
  return {
    path,
    [Symbol.asyncDispose]: () => new Promise((resolve) => lock.close(() => resolve())),
  }
}
