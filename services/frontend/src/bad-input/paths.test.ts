import { describe, expect, it } from 'vitest'
import { account, otherAccount, type RawRequest } from '../testing/index.ts'
import { functions, get, invocations, useBadInput } from './harness.ts'

const { send, refuses, creation } = useBadInput('paths')

const ofName = (name: string): RawRequest[] => {
  const at = `${functions}/${encodeURIComponent(name)}`
  return [get(at), get(`${at}/configuration`), { path: `${at}/invocations`, body: '{}' }]
}

describe('paths and names', () => {
  it('B22, B23: paths that lead elsewhere', async () => {
    const names = [
      '..%2f..%2f',
      '%252e%252e',
      '%2e%2e%2f',
      'one;x=1',
      'one%3bx=1',
      'one%5c',
      'one%00',
      '%zz',
      '%c0%af',
      '%',
      '%e0%80%80',
      '%ff%fe',
      '.%00.',
    ]
    await refuses('B22', [
      ...names.flatMap((name) => [
        get(`${functions}/${name}`),
        { path: `${functions}/${name}/invocations`, body: '{}' },
        { method: 'DELETE', path: `${functions}/${name}` },
      ]),
      get('//2015-03-31/functions'),
      get(`${functions}//one`),
      get(`${functions}/one//configuration`),
      get(`${functions}/./one`),
      get(`${functions}/x/../one`),
      get(`${functions}/../../etc/passwd`),
      get('/2015-03-31\\functions'),
      get('/2015-03-31/FUNCTIONS'),
      get('/'),
      get('/2015-03-31'),
      get('/weft/code'),
      get('/__proto__/constructor'),
    ])
  })

  it('B24: names of functions', async () => {
    const names = [
      'a.b',
      'a*',
      '>',
      'a b',
      '*',
      'x\r\nPUB admin 3\r\nyes',
      'x\n',
      '$JS.API',
      '$JS.API.STREAM.DELETE.X',
      '__proto__',
      'constructor',
      'toString',
      'CON',
      'a\u200fb',
      'раypal',
      'a'.repeat(65),
      'a'.repeat(300),
      '..',
      '.',
      '-',
      '_',
      "'",
      '"',
      '<x>',
      'a/b',
      'a%b',
      '\u0000',
      '💥',
      'one:',
      ':one',
      'one::',
      '{one}',
    ]
    await refuses('B24', names.filter((name) => name !== '..' && name !== '.').flatMap(ofName))
    const invalid = names.filter((name) => !/^[a-zA-Z0-9-_]{1,64}$/.test(name))
    await refuses(
      'B24',
      invalid.map((FunctionName) => creation({ FunctionName })),
    )
    await refuses('B24', [
      creation({ FunctionName: '' }),
      creation({ FunctionName: null }),
      creation({ FunctionName: 1 }),
    ])
  })

  it('B25: ARNs that are not here', async () => {
    const arns = [
      `arn:aws:lambda:us-east-1:${otherAccount}:function:one`,
      `arn:aws:lambda:eu-west-1:${account}:function:one`,
      `arn:aws-cn:lambda:us-east-1:${account}:function:one`,
      `arn:aws:s3:us-east-1:${account}:function:one`,
      `arn:aws:lambda:us-east-1:${account}:layer:one`,
      `arn:aws:lambda:us-east-1:${account}:function:one:prod:x`,
      `arn:aws:lambda:us-east-1:${account}:function:`,
      `arn:aws:lambda:us-east-1::function:one`,
      'arn:aws:lambda',
      'arn:',
      '::::::',
      `${otherAccount}:function:one`,
      '12:function:one',
      `arn:aws:lambda:us-east-1:${account}:function:one:prod`,
    ]
    await refuses('B25', arns.flatMap(ofName))
    const withQualifier = encodeURIComponent(`arn:aws:lambda:us-east-1:${account}:function:one:$LATEST`)
    await refuses(
      'B25',
      [
        get(`${functions}/${withQualifier}?Qualifier=prod`),
        { path: `${functions}/one:1/invocations?Qualifier=2`, body: '{}' },
      ],
      /^InvalidParameterValueException$/,
    )
  })

  it('B26: qualifiers', async () => {
    const qualifiers = [
      '$LATEST%0a',
      '0',
      '-1',
      '1e9',
      '1',
      'prod',
      '%24LATEST.PUBLISHED',
      '*',
      '>',
      'a%20b',
      '%00',
      'a'.repeat(129),
      '__proto__',
      '',
      '..',
      '%24JS.API',
    ]
    await refuses(
      'B26',
      qualifiers.flatMap((q) => [
        get(`${functions}/one?Qualifier=${q}`),
        get(`${functions}/one/configuration?Qualifier=${q}`),
        { path: `${invocations}?Qualifier=${q}`, body: '{}' },
        { path: `${invocations}?Qualifier=${q}`, body: '{}', headers: { 'x-amz-invocation-type': 'Event' } },
      ]),
    )
    // A version that does not exist is as good as deleted; everything else that names no version is refused.
    const notVersions = qualifiers.filter((q) => !/^\d+$/.test(q) && q !== '')
    await refuses(
      'B26',
      notVersions.map((q) => ({ method: 'DELETE', path: `${functions}/one?Qualifier=${q}` })),
    )
  })

  it('B27, B28: markers and queries', async () => {
    const queries = [
      'Marker=x',
      'Marker=b25l.AAAA',
      'Marker=%00',
      `Marker=${'A'.repeat(5_000)}`,
      'MaxItems=0',
      'MaxItems=-1',
      'MaxItems=1e9',
      'MaxItems=1000000000',
      'MaxItems=abc',
      'MaxItems=',
      'MaxItems=1&MaxItems=2',
      'Marker=a&Marker=b',
      'FunctionVersion=SOME',
      'Marker=%ff',
      'Marker=%zz',
    ]
    await refuses('B27', [
      ...queries.map((query) => get(`${functions}?${query}`)),
      get('/2015-03-31/event-source-mappings?Marker=x'),
      get('/2015-03-31/event-source-mappings?EventSourceArn=x'),
    ])
    const mine = await send(get(`${functions}?MaxItems=1&Unknown=1&constructor=x`))
    expect(mine.status).toBe(200)
  })
})
