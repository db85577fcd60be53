import { accountId, newRequestId } from '@weft/contracts'
import type { DoorRequest } from './door.ts'

/** An authenticated request for tests of doors. */
export function doorRequest(
  extra: Partial<Omit<DoorRequest, 'principal'>> & { readonly accountId?: string } = {},
): DoorRequest {
  const { accountId: account = '000000000000', ...rest } = extra
  const id = accountId(account)
  return {
    requestId: newRequestId(),
    method: 'GET',
    rawPath: '/',
    rawQuery: '',
    headers: {},
    body: Buffer.alloc(0),
    principal: { accountId: id, arn: `arn:aws:iam::${id}:root`, keyId: 'AKIATEST' },
    signal: new AbortController().signal,
    ...rest,
  }
}
