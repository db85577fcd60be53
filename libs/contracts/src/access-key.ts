import { randomBytes } from 'node:crypto'
import type { AccessKey } from './function.ts'

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** A fresh key pair: `AKIA` and 16 characters, as tools that look for AWS keys expect it, and 40 of base64. */
export const newAccessKey = (): AccessKey => ({
  accessKeyId: `AKIA${[...randomBytes(16)].map((byte) => base32[byte % base32.length]).join('')}`,
  secretAccessKey: randomBytes(30).toString('base64'),
  status: 'Active',
})
