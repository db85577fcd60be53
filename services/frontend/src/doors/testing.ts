import { accountId, newRequestId } from '@weft/contracts'
import type { DoorRequest, DoorResponse } from './door.ts'

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

/** The body of an answer that does not come in parts. */
export function wholeBody({ body }: DoorResponse): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  throw new Error('the answer comes in parts')
}
