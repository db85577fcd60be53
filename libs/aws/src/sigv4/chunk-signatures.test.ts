import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { chunksAreSigned } from './chunk-signatures.ts'
import { SigningKeys } from './signing-keys.ts'

// The worked example of the S3 API reference, "Transferring payload in multiple chunks".
const scope = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', date: '20130524', region: 'us-east-1', service: 's3' }
const signing = {
  key: new SigningKeys().get(scope, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  stamp: '20130524T000000Z',
  scope: '20130524/us-east-1/s3/aws4_request',
  seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
}
const first = 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'
const second = '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'
const last = 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'
const chunk = (data: string, signature: string): string =>
  `${data.length.toString(16)};chunk-signature=${signature}\r\n${data}${data === '' ? '' : '\r\n'}`
const whole = `${chunk('a'.repeat(65_536), first)}${chunk('a'.repeat(1_024), second)}${chunk('', last)}`
const check = (body: string, withTrailer = false) => chunksAreSigned(Buffer.from(body), signing, withTrailer)

describe('chunksAreSigned', () => {
  it('accepts the example of the reference', () => {
    expect(check(`${whole}\r\n`)).toBe(true)
  })

  it.each([
    ['a changed byte', whole.replace('aaa', 'aab')],
    [
      'chunks in another order',
      `${chunk('a'.repeat(1_024), second)}${chunk('a'.repeat(65_536), first)}${chunk('', last)}`,
    ],
    ['a chunk left out', `${chunk('a'.repeat(65_536), first)}${chunk('', last)}`],
    ['no end', `${chunk('a'.repeat(65_536), first)}${chunk('a'.repeat(1_024), second)}`],
    ['no signature', '5\r\nhello\r\n0\r\n\r\n'],
    ['unsigned trailers', `${whole}x-amz-checksum-crc32:AAAAAA==\r\n\r\n`],
    ['nothing', ''],
  ])('refuses %s', (_, body) => {
    expect(check(body)).toBe(false)
  })

  it('checks signed trailers', () => {
    const line = 'x-amz-checksum-crc32:AAAAAA=='
    const hash = createHash('sha256').update(`${line}\n`).digest('hex')
    const text = `AWS4-HMAC-SHA256-TRAILER\n${signing.stamp}\n${signing.scope}\n${last}\n${hash}`
    const signature = createHmac('sha256', signing.key).update(text).digest('hex')
    const signed = (trailer: string) => `${whole}${trailer}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`
    expect(check(signed(line), true)).toBe(true)
    expect(check(signed('x-amz-checksum-crc32:BAAAAA=='), true)).toBe(false)
    expect(check(`${whole}${line}\r\n\r\n`, true)).toBe(false)
  })
})
