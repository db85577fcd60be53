import { ok } from '@weft/contracts'
import { expect, it } from 'vitest'
import { signRequest } from './sign.ts'
import { verifySigV4 } from './verify.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' }
const nowMs = Date.UTC(2026, 0, 15)

it.each(['iam', 's3'])('signs what the doors verify, for %s', (service) => {
  const url = new URL('http://127.0.0.1:9000/a%20b/c?x=1&prefix=a%2Fb&x=0')
  const request = { method: 'POST', url, headers: { 'content-type': 'text/plain' }, body: 'Action=GetUser' }
  const headers = signRequest(request, credentials, { service, region: 'us-east-1', nowMs })
  const received = { method: 'POST', rawPath: url.pathname, rawQuery: url.search.slice(1), headers }
  const verify = (body: string) =>
    verifySigV4(
      { ...received, body: Buffer.from(body) },
      (id, token) => ok({ secretAccessKey: id === credentials.accessKeyId && token === 'token' ? 'secret' : '' }),
      nowMs,
      { region: 'us-east-1', services: [service] },
    )
  expect(verify('Action=GetUser').ok).toBe(true)
  expect(verify('Action=GetRole').ok).toBe(false)
})
