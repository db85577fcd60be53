import { existsSync, readFileSync, renameSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { leastStorageBytes } from '@weft/nats'
import { StartFailure } from './data-dir.ts'

const gigabyte = 1024 ** 3
const mostStorageBytes = 32 * gigabyte

export interface StorageBudget {
  /** Bytes that all streams together may fill. */
  readonly storageBytes: number
  problems(): readonly string[]
}

/**
 * The disk that streams may fill: half of what is free at the first start, 32 GB at most. It is kept for later starts,
 * because streams that exist have their share of it set aside.
 */
export function storageBudget(dataDir: string): StorageBudget {
  const file = join(dataDir, 'storage.json')
  const storageBytes = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { storageBytes: number }).storageBytes
    : firstBudget(dataDir, file)
  return {
    storageBytes,
    problems() {
      const free = freeBytes(dataDir)
      // A full disk stops streams until a restart, so it is told while there is still room.
      return free < leastFreeBytes ? [`the disk of ${dataDir} has only ${Math.floor(free / 1024 ** 2)} MB left`] : []
    },
  }
}

const leastFreeBytes = 256 * 1024 ** 2

function firstBudget(dataDir: string, file: string): number {
  const free = freeBytes(dataDir)
  const storageBytes = Math.min(Math.floor(free / 2), mostStorageBytes)
  if (storageBytes < leastStorageBytes)
    throw new StartFailure(
      `${dataDir} has ${Math.floor(free / 1024 ** 2)} MB free; at least ${(2 * leastStorageBytes) / 1024 ** 2} MB are needed`,
    )
  writeFileSync(`${file}.part`, `${JSON.stringify({ storageBytes })}\n`)
  renameSync(`${file}.part`, file)
  return storageBytes
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}
