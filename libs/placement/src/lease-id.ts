import type { LeaseId } from '@weft/contracts/placement'

/** Order of leases on one sandbox: by epoch, then by number. Negative when `a` is the earlier. */
export const compareLeaseIds = (a: LeaseId, b: LeaseId): number =>
  a.epoch === b.epoch ? Number(a.number - b.number) : Number(a.epoch - b.epoch)

export const sameLease = (a: LeaseId | undefined, b: LeaseId | undefined): boolean =>
  a !== undefined && b !== undefined && a.epoch === b.epoch && a.number === b.number
