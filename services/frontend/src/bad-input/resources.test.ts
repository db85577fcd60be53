import { expect, it } from 'vitest'
import { account, otherAccount, otherKeys, zipOf } from '../testing/index.ts'
import type { RawRequest } from '../testing/raw-request.ts'
import { functions, get, json, useBadInput } from './harness.ts'

const bad = useBadInput('layers, URLs, code signing, provisioned concurrency')
const layers = '/2018-10-31/layers'
const urls = '/2021-10-31/functions'
const configs = '/2020-04-22/code-signing-configs'
const layerArn = (name: string, owner: string = account, region = 'us-east-1'): string =>
  `arn:aws:lambda:${region}:${owner}:layer:${name}`

it('B24, B25: names of layers', async () => {
  const content = { Content: { ZipFile: (await zipOf()).toString('base64') } }
  const names = [
    ...['a.b', 'a*', '>', 'a b', 'a\r\nPUB x', 'x'.repeat(141), '$JS.API', '\u202ename', 'é', '%', 'a/b', 'a:b', '..'],
    ...[layerArn('a.b'), layerArn('a', '12'), layerArn('a', account, 'mars'), `${layerArn('a')}:1`, 'arn:aws:s3:::a'],
  ]
  const paths = names.map((name) => `${layers}/${encodeURIComponent(name)}/versions`)
  await bad.refuses('B24', [
    ...paths.map((path): RawRequest => ({ path, body: json(content) })),
    ...paths.map((path) => get(`${path}/1`)),
  ])
  await bad.refuses(
    'B25',
    [layerArn('a', otherAccount), layerArn('a', account, 'eu-west-1')].map((name) => ({
      path: `${layers}/${encodeURIComponent(name)}/versions`,
      body: json(content),
    })),
    /^AccessDeniedException$/,
  )
  expect(bad.frontend().layers.list('')).toEqual([])
})

it('B48: layers that are no layers, and versions that are none', async () => {
  const publish = (change: object): RawRequest => ({ path: `${layers}/a/versions`, body: json(change) })
  const zip = (await zipOf()).toString('base64')
  await bad.refuses('B48', [
    publish({}),
    publish({ Content: {} }),
    publish({ Content: { ZipFile: '' } }),
    publish({ Content: { ZipFile: 'bm8gemlw' } }),
    publish({ Content: { ZipFile: zip, S3Bucket: 'bucket', S3Key: 'key' } }),
    publish({ Content: { S3Bucket: 'bucket' } }),
    publish({ Content: { ZipFile: zip }, Description: 'x'.repeat(257) }),
    publish({ Content: { ZipFile: zip }, LicenseInfo: 'x'.repeat(513) }),
    publish({ Content: { ZipFile: zip }, CompatibleRuntimes: ['cobol'] }),
    publish({ Content: { ZipFile: zip }, CompatibleRuntimes: Array(16).fill('nodejs24.x') }),
    publish({ Content: { ZipFile: zip }, CompatibleArchitectures: ['mips'] }),
    ...['0', '-1', '1.5', 'x', '99999999999999999999', '1e3', '%201', '%00'].map((number) =>
      get(`${layers}/a/versions/${number}`),
    ),
    ...['', 'x', layerArn('a'), `${layerArn('a')}:x`, `${layerArn('a')}:1:2`, `${layerArn('b')}:1`].map((arn) =>
      get(`${layers}?find=LayerVersion&Arn=${encodeURIComponent(arn)}`),
    ),
    get(`${layers}?find=LayerVersion`),
    get(`${layers}?MaxItems=0`),
    get(`${layers}?MaxItems=51`),
    get(`${layers}?Marker=x`),
    get(`${layers}?CompatibleArchitecture=mips`),
  ])
})

it('B48, B38: permissions of layers, and layers of others', async () => {
  const zip = (await zipOf()).toString('base64')
  const { send, frontend } = bad
  const made = await send({ path: `${layers}/a/versions`, body: json({ Content: { ZipFile: zip } }) })
  expect(made.status).toBe(201)
  const policy = `${layers}/a/versions/1/policy`
  const good = { StatementId: 's', Action: 'lambda:GetLayerVersion', Principal: '*' }
  const add = (change: object): RawRequest => ({ path: policy, body: json({ ...good, ...change }) })
  await bad.refuses('B48', [
    add({ Action: 'lambda:*' }),
    add({ Action: 'lambda:GetLayerVersionX' }),
    add({ Principal: 'someone' }),
    add({ Principal: 'arn:aws:iam::12:root' }),
    add({ Principal: `arn:aws:iam::${account}:user/x` }),
    add({ StatementId: 'a b' }),
    add({ StatementId: '' }),
    add({ StatementId: 'x'.repeat(101) }),
    add({ OrganizationId: 'o-1234567890' }),
    { ...add({}), path: `${policy}?RevisionId=stale` },
    { ...add({}), path: `${layers}/a/versions/2/policy` },
    get(policy),
    { method: 'DELETE', path: `${policy}/none` },
  ])
  const theirs = { keys: otherKeys }
  const arn = `${layerArn('a')}:1`
  await bad.refuses(
    'B38',
    [
      { ...get(`${layers}?find=LayerVersion&Arn=${encodeURIComponent(arn)}`), ...theirs },
      { ...get(`${layers}/${encodeURIComponent(layerArn('a'))}/versions/1`), ...theirs },
      { ...get(`${layers}/${encodeURIComponent(layerArn('a'))}/versions/1/policy`), ...theirs },
      { method: 'DELETE', path: `${layers}/${encodeURIComponent(layerArn('a'))}/versions/1`, ...theirs },
      { ...bad.creation({ FunctionName: 'theirs', Layers: [arn] }), ...theirs },
    ],
    /^AccessDeniedException$/,
  )
  await bad.refuses('B48', [
    bad.configuration({ Layers: [arn, arn] }),
    bad.configuration({ Layers: [layerArn('a')] }),
    bad.configuration({ Layers: [`${layerArn('a')}:0`] }),
    bad.configuration({ Layers: [`${layerArn('a', account, 'eu-west-1')}:1`] }),
  ])
  frontend().layers.store.entries.clear()
})

it('function URLs', async () => {
  const create = (change: object, path = `${urls}/one/url`): RawRequest => ({
    path,
    body: json({ AuthType: 'NONE', ...change }),
  })
  const cors = [
    { AllowOrigins: ['https://a\r\nx: y'] },
    { AllowOrigins: ['a.example'] },
    { AllowOrigins: ['x'.repeat(254)] },
    { AllowOrigins: Array(101).fill('*') },
    { AllowMethods: ['OPTIONS'] },
    { AllowMethods: ['get'] },
    { AllowHeaders: ['a: b'] },
    { AllowHeaders: [''] },
    { ExposeHeaders: ['x y'] },
    { ExposeHeaders: ['x'.repeat(1_025)] },
    { MaxAge: -1 },
    { MaxAge: 86_401 },
    { AllowCredentials: 'yes' },
    [],
    'x',
  ]
  await bad.refuses('function URLs', [
    { path: `${urls}/one/url`, body: '{}' },
    create({ AuthType: 'ALL' }),
    create({ AuthType: null }),
    create({ InvokeMode: 'STREAM' }),
    ...cors.map((Cors) => create({ Cors })),
    ...['1', '$LATEST', 'missing', 'a.b', ''].map((qualifier) =>
      create({}, `${urls}/one/url?Qualifier=${encodeURIComponent(qualifier)}`),
    ),
    create({}, `${urls}/missing/url`),
    create({}, `${urls}/${encodeURIComponent(`arn:aws:lambda:us-east-1:${otherAccount}:function:one`)}/url`),
    get(`${urls}/one/url`),
    { method: 'PUT', path: `${urls}/one/url`, body: json({ AuthType: 'NONE' }) },
    { method: 'DELETE', path: `${urls}/one/url` },
    get(`${urls}/one/urls?MaxItems=0`),
    get(`${urls}/one/urls?Marker=x`),
    get(`${urls}/missing/urls`),
  ])
})

it('code signing', async () => {
  const publisher = `arn:aws:signer:us-east-1:${account}:/signing-profiles/release/${'A'.repeat(43)}`
  const create = (change: object): RawRequest => ({
    path: configs,
    body: json({ AllowedPublishers: { SigningProfileVersionArns: [publisher] }, ...change }),
  })
  const missing = encodeURIComponent(`arn:aws:lambda:us-east-1:${account}:code-signing-config:csc-${'0'.repeat(17)}`)
  const foreign = encodeURIComponent(
    `arn:aws:lambda:us-east-1:${otherAccount}:code-signing-config:csc-${'0'.repeat(17)}`,
  )
  await bad.refuses('code signing', [
    { path: configs, body: '{}' },
    create({ AllowedPublishers: {} }),
    create({ AllowedPublishers: { SigningProfileVersionArns: [] } }),
    create({ AllowedPublishers: { SigningProfileVersionArns: Array(21).fill(publisher) } }),
    ...['x', `${publisher}x`, publisher.replace('/signing-profiles/', '/'), 'arn:aws:s3:::b', null].map((arn) =>
      create({ AllowedPublishers: { SigningProfileVersionArns: [arn] } }),
    ),
    create({ CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Ignore' } }),
    create({ Description: 'x'.repeat(257) }),
    create({ Tags: { 'aws:x': 'y' } }),
    ...['x', 'csc-1', missing, foreign, '..%2f..'].flatMap((arn) => [
      get(`${configs}/${arn}`),
      { method: 'DELETE', path: `${configs}/${arn}` },
      get(`${configs}/${arn}/functions`),
    ]),
    get(`${configs}?MaxItems=0`),
    get(`${configs}?Marker=x`),
    {
      method: 'PUT',
      path: '/2020-06-30/functions/one/code-signing-config',
      body: json({ CodeSigningConfigArn: decodeURIComponent(missing) }),
    },
    bad.creation({ CodeSigningConfigArn: decodeURIComponent(missing) }),
  ])
})

it('provisioned concurrency, loops, runtime management', async () => {
  const provisioned = (qualifier: string, wanted: unknown): RawRequest => ({
    method: 'PUT',
    path: `/2019-09-30/functions/one/provisioned-concurrency?Qualifier=${encodeURIComponent(qualifier)}`,
    body: json({ ProvisionedConcurrentExecutions: wanted }),
  })
  const put = (path: string, body: object): RawRequest => ({ method: 'PUT', path, body: json(body) })
  await bad.refuses('provisioned', [
    ...[0, -1, 1.5, '1', null, 2 ** 31].map((wanted) => provisioned('1', wanted)),
    ...['$LATEST', '', '9', 'missing', 'a.b', '1\n'].map((qualifier) => provisioned(qualifier, 1)),
    put('/2019-09-30/functions/one/provisioned-concurrency', { ProvisionedConcurrentExecutions: 1 }),
    get('/2019-09-30/functions/one/provisioned-concurrency?Qualifier=1'),
    get('/2019-09-30/functions/missing/provisioned-concurrency?List=ALL'),
    put('/2024-08-31/functions/one/recursion-config', { RecursiveLoop: 'Maybe' }),
    put('/2024-08-31/functions/one/recursion-config', {}),
    put('/2024-08-31/functions/missing/recursion-config', { RecursiveLoop: 'Allow' }),
    put('/2021-07-20/functions/one/runtime-management-config', { UpdateRuntimeOn: 'Never' }),
    put('/2021-07-20/functions/one/runtime-management-config', { UpdateRuntimeOn: 'Manual' }),
    put('/2021-07-20/functions/one/runtime-management-config?Qualifier=9', { UpdateRuntimeOn: 'Auto' }),
    get(`${functions}/one/none`),
  ])
})
