import { expect, it } from 'vitest'
import { signRequest } from './sign.ts'

// From AWS's published signature test suite: same key, date, region and service for every case.
const keys = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
}
const nowMs = Date.UTC(2015, 7, 30, 12, 36, 0)
const signatureOf = (method: string, url: string): string | undefined =>
  signRequest({ method, url: new URL(url), service: 'service' }, keys, nowMs).authorization?.split('Signature=')[1]

it('signs as the published cases have it', () => {
  expect(signatureOf('GET', 'http://example.amazonaws.com/')).toBe(
    '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  )
  expect(signatureOf('GET', 'http://example.amazonaws.com/?Param2=value2&Param1=value1')).toBe(
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  )
  expect(signatureOf('POST', 'http://example.amazonaws.com/')).toBe(
    '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  )
})

it('signs what it is given beside host and date, and the body of S3 requests', () => {
  const headers = signRequest(
    {
      method: 'PUT',
      url: new URL('http://127.0.0.1:9000/bucket/key'),
      service: 's3',
      headers: { 'x-extra': 'a' },
      body: 'x',
    },
    keys,
    nowMs,
  )
  expect(headers.authorization).toContain('SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-extra')
  expect(headers.host).toBe('127.0.0.1:9000')
})
