import { accountId, newRequestId } from '@weft/contracts'
import { systemClock } from '@weft/platform'
import { MemoryIdentities } from '@weft/policy/testing'
import { Authorizer } from '../identity/authorizer.ts'
import type { DoorRequest, DoorResponse, Principal } from './door.ts'

/** Lets the root of an account do everything, and others what `identities` say. */
export const testAuthorizer = (identities = new MemoryIdentities()): Authorizer =>
  new Authorizer({ identities, clock: systemClock, region: 'us-east-1' })

/** A function of the account, running with a role. */
export const sessionPrincipal = (account: string, role: string): Principal => ({
  accountId: accountId(account),
  arn: `arn:aws:sts::${account}:assumed-role/${role}/f`,
  keyId: 'ASIATEST',
  session: { roleArn: `arn:aws:iam::${account}:role/${role}`, sessionName: 'f' },
})

/** An authenticated request for tests of doors. */
export function doorRequest(extra: Partial<DoorRequest> & { readonly accountId?: string } = {}): DoorRequest {
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

/** The body of an answer, whether it comes in parts or not. */
export async function readBody({ body }: DoorResponse): Promise<Buffer> {
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

/** The body of an answer that does not come in parts. */
export function wholeBody({ body }: DoorResponse): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  throw new Error('the answer comes in parts')
}
