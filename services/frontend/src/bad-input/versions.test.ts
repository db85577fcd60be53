import { describe, expect, it } from 'vitest'
import type { RawRequest } from '../testing/index.ts'
import { functions, get, json, useBadInput } from './harness.ts'

const { send, refuses, configuration, count } = useBadInput('versions and aliases')
const aliases = `${functions}/one/aliases`
const versions = `${functions}/one/versions`
const alias = (body: object): RawRequest => ({
  path: aliases,
  body: json({ Name: 'bad', FunctionVersion: '1', ...body }),
})
const change = (body: object): RawRequest => ({ method: 'PUT', path: `${aliases}/live`, body: json(body) })
const publish = (body: object): RawRequest => ({ path: versions, body: json(body) })

describe('versions and aliases', () => {
  it('B26: names of aliases and versions', async () => {
    count(3)
    expect((await send(publish({}))).status).toBe(201)
    expect((await send(configuration({ Timeout: 5 }))).status).toBe(200)
    expect((await send(publish({}))).status).toBe(201)
    expect((await send(alias({ Name: 'live' }))).status).toBe(201)
    const names = ['1', '0', '-1.5', '', 'a b', 'a.b', '*', '>', '$LATEST', 'a\n', '💥', 'a'.repeat(129), null, 5, {}]
    await refuses(
      'B26',
      names.map((Name) => alias({ Name })),
    )
    const inPath = ['1', 'a%20b', 'a.b', '*', '%3E', '%24LATEST', 'a%0a', '%00', '..', 'a'.repeat(129), 'gone']
    await refuses(
      'B26',
      inPath.flatMap((name) => [
        get(`${aliases}/${name}`),
        { method: 'PUT', path: `${aliases}/${name}`, body: json({ Description: 'x' }) },
      ]),
    )
    const numbers = [
      '9',
      '0',
      '01',
      '-1',
      '1e9',
      '99999999999999999999',
      'live',
      '',
      '1\n',
      '$LATEST.PUBLISHED',
      null,
      1,
    ]
    await refuses(
      'B26',
      numbers.flatMap((FunctionVersion) => [
        alias({ FunctionVersion }),
        // null is absent: nothing would change.
        ...(FunctionVersion === null ? [] : [change({ FunctionVersion })]),
      ]),
    )
    await refuses(
      'B26',
      ['live', '1e9', '-1', 'a%20b', ''].map((one) => get(`${aliases}?FunctionVersion=${one}`)),
    )
    await refuses('B27', [
      get(`${aliases}?Marker=x`),
      get(`${versions}?Marker=x`),
      get(`${versions}?MaxItems=0`),
      get(`${functions}/gone/aliases`),
      get(`${functions}/gone/versions`),
      get(`${functions}/one:1/aliases`),
    ])
  })

  it('B54: weights', async () => {
    const weights: readonly unknown[] = [
      { 2: 1.1 },
      { 2: -0.1 },
      { 2: 0.6, 3: 0.6 },
      { 2: 'NaN' },
      { 2: 'Infinity' },
      { 2: '0.5' },
      { 2: null },
      { 2: 1e300 },
      { 2: {} },
      { 2: [0.1] },
      { 2: true },
      { 1: 0.5 },
      { 9: 0.5 },
      { $LATEST: 0.5 },
      { live: 0.5 },
      { '': 0.5 },
      { '02': 0.5 },
      { '2\n': 0.5 },
      { constructor: 0.5 },
      [],
      'x',
      5,
    ]
    await refuses(
      'B54',
      weights.flatMap((AdditionalVersionWeights) => [
        alias({ RoutingConfig: { AdditionalVersionWeights } }),
        change({ RoutingConfig: { AdditionalVersionWeights } }),
      ]),
    )
    await refuses('B54', [
      {
        path: aliases,
        body: '{"Name":"bad","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":NaN}}}',
      },
      alias({ FunctionVersion: '$LATEST', RoutingConfig: { AdditionalVersionWeights: { 1: 0.5 } } }),
      alias({ RoutingConfig: 5 }),
      alias({ RoutingConfig: [] }),
    ])
    const left = await send(get(aliases))
    expect(JSON.parse(left.text).Aliases).toEqual([expect.objectContaining({ Name: 'live', FunctionVersion: '1' })])
  })

  it('B52: checks before publishing', async () => {
    await refuses(
      'B52',
      [
        { RevisionId: 'x' },
        { RevisionId: '' },
        { RevisionId: 1 },
        { CodeSha256: 'x' },
        { CodeSha256: {} },
        { Description: 'x'.repeat(257) },
        { PublishTo: 'LATEST_PUBLISHED' },
        { PublishTo: 'x' },
      ].map(publish),
    )
    await refuses('B52', [change({ RevisionId: 'x', Description: 'y' }), change({ RevisionId: 5 })])
    await refuses('B26', [
      { path: `${functions}/gone/versions`, body: '{}' },
      { path: `${functions}/one:1/versions`, body: '{}' },
      { path: versions, body: '[' },
    ])
  })
})
