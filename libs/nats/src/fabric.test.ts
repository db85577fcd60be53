import { expect, test } from 'vitest'
import { accountShares, leastStorageBytes } from './fabric.ts'

const gib = 1024 ** 3

test.each([
  [leastStorageBytes, 6],
  [8 * gib, 24],
  [32 * gib, 24],
])(
  'on %d bytes the first account and at least %d others fit beside the streams of the fabric',
  (storageBytes, others) => {
    const { poolBytes, firstAccountBytes, newAccountBytes } = accountShares(storageBytes)
    // Each has half as much beside for its events.
    const fit = (poolBytes - 1.5 * firstAccountBytes) / (1.5 * newAccountBytes)
    expect(Math.floor(fit)).toBeGreaterThanOrEqual(others)
  },
)
