import { expect, test } from 'vitest'
import { urlPlaceOf } from './url-place.ts'

const id = 'abcdefghijklmnopqrstuvwxyz234567'
const site = { region: 'us-east-1', domain: 'localhost' }
const place = (host: string, rawPath: string) => urlPlaceOf({ headers: { host }, rawPath }, site)

test.each([
  [`${id}.lambda-url.us-east-1.localhost:9000`, '/a%20b', `${id}.lambda-url.us-east-1.localhost`, '/a%20b'],
  [`${id.toUpperCase()}.lambda-url.eu-west-1.weft.example`, '/', undefined, '/'],
  ['localhost:9000', `/_url/${id}/a/b`, `${id}.lambda-url.us-east-1.localhost`, '/a/b'],
  ['localhost:9000', `/_url/${id}`, `${id}.lambda-url.us-east-1.localhost`, '/'],
])('%s%s leads to the URL', (host, path, domainName, rawPath) => {
  expect(place(host, path)).toMatchObject({ urlId: id, rawPath, ...(domainName !== undefined && { domainName }) })
})

test.each([
  ['localhost', '/'],
  [`short.lambda-url.us-east-1.localhost`, '/'],
  [`${id}.lambda-url.localhost`, '/'],
  ['localhost', `/_url/${id}x`],
  ['localhost', `/_urls/${id}/`],
  ['localhost', `/x/_url/${id}/`],
])('%s%s leads to none', (host, path) => {
  expect(place(host, path)).toBeUndefined()
})
