import { accountId, awsError, err, ok } from '@weft/contracts'
import { silentLogger } from '@weft/platform'
import { expect, it } from 'vitest'
import type { AwsDoor, Principal } from '../door.ts'
import { doorRequest } from '../testing.ts'
import { tokenSite } from './token-site.ts'

const principal: Principal = {
  accountId: accountId('000000000000'),
  arn: 'arn:aws:iam::000000000000:root',
  keyId: 'AKIA',
}
const used: string[] = []
const door = (service: string, tokenPath?: string): AwsDoor => ({
  service,
  ...(tokenPath !== undefined && { tokenPath }),
  bodyLimit: () => ({ limitBytes: 10, tooLarge: () => awsError('RequestEntityTooLargeException', '') }),
  handle: async (request) => ({ status: 200, headers: {}, body: `${service} ${request.principal.keyId}` }),
  refuse: (error) => ({ status: 403, headers: {}, body: error.code }),
})
const site = tokenSite({
  doors: [door('s3'), door('weft', '/2026-01-01/')],
  credentials: {
    authenticate: (id, secret) =>
      id === 'AKIA' && secret === 'right' ? ok(principal) : err(awsError('UnrecognizedClientException', 'no')),
  },
  used: (_, service) => used.push(service),
  log: silentLogger,
})
const admit = (authorization: string | undefined, rawPath = '/2026-01-01/x') =>
  site.admit(doorRequest({ rawPath, headers: authorization === undefined ? {} : { authorization } }))

it('lets in who tells the right secret, on the paths of doors that take it', async () => {
  const admitted = admit('Bearer AKIA:right')
  if (!admitted?.ok) throw new Error('not admitted')
  const answer = await admitted.value.handle(Buffer.from(''), new AbortController().signal)
  expect(answer.body).toBe('weft AKIA')
  expect(used).toEqual(['weft'])
})

it('refuses other secrets in the words of the door', () => {
  for (const token of ['Bearer AKIA:wrong', 'Bearer AKIA', 'Bearer ', 'bearer :'])
    expect(admit(token), token).toMatchObject({ ok: false, error: { status: 403 } })
})

it('leaves signed requests and other doors alone', () => {
  expect(admit(undefined)).toBeUndefined()
  expect(admit('AWS4-HMAC-SHA256 Credential=…')).toBeUndefined()
  expect(admit('Bearer AKIA:right', '/2015-03-31/functions')).toBeUndefined()
})
