import { catalogueKeys, accountId as idOf, type Topic, triggerKeys } from '@weft/contracts'
import { recordNamed } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { doorRequest, testAuthorizer, wholeBody } from '../../testing.ts'
import { memoryObjectStore } from '../memory-store.ts'
import { s3Door } from '../s3-door.ts'
import { testNotifier } from './testing.ts'

const accountId = '123456789012'
const id = idOf(accountId)
const thumbs = `arn:aws:lambda:us-east-1:${accountId}:function:thumbs`
let door: ReturnType<typeof s3Door>
let parts: ReturnType<typeof testNotifier>

const send = async (method: string, url: string, body = '', headers: Record<string, string> = {}) => {
  const [rawPath = '', rawQuery = ''] = url.split('?')
  const sourceIp = '127.0.0.1'
  const response = await door.handle(
    doorRequest({ method, rawPath, rawQuery, headers, body: Buffer.from(body), accountId, sourceIp }),
  )
  const text = wholeBody(response).toString()
  return { status: response.status, text, code: /<Code>(\w+)<\/Code>/.exec(text)?.[1] }
}
const configuration = (...items: string[]): string =>
  `<?xml version="1.0"?><NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${items.join('')}</NotificationConfiguration>`
const calls = (events: readonly string[], affix: Record<string, string> = {}, arn = thumbs): string =>
  `<CloudFunctionConfiguration><CloudFunction>${arn}</CloudFunction>${events.map((e) => `<Event>${e}</Event>`).join('')}<Filter><S3Key>${Object.entries(
    affix,
  )
    .map(([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`)
    .join('')}</S3Key></Filter></CloudFunctionConfiguration>`

const tells = (kind: 'Queue' | 'Topic', arn: string, event = 's3:ObjectCreated:*'): string =>
  `<${kind}Configuration><Id>${kind}</Id><${kind}>${arn}</${kind}><Event>${event}</Event></${kind}Configuration>`
const queue = `arn:aws:jetstream:us-east-1:${accountId}:queue/JOBS`
const topicArn = `arn:aws:sns:us-east-1:${accountId}:pictures`

beforeEach(async () => {
  parts = testNotifier()
  const record = recordNamed('thumbs')
  const statement = {
    ...{ Sid: 's3', Effect: 'Allow' as const, Principal: { Service: 's3.amazonaws.com' } },
    ...{ Action: 'lambda:InvokeFunction', Resource: thumbs },
    Condition: { ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::photos' } },
  }
  const policies = { $LATEST: { revisionId: 'r', statements: [statement] } }
  parts.catalogue.functionStore.put(catalogueKeys.function(record.accountId, record.functionName), {
    ...record,
    policies,
  })
  const store = memoryObjectStore(() => Date.UTC(2026, 0, 15))
  door = s3Door({ store, authorizer: testAuthorizer(), region: 'us-east-1', notifier: parts.notifier })
  for (const bucket of ['/photos', '/other']) await send('PUT', bucket)
})

describe('bucket notifications', () => {
  it('tell a function of what it wants to know, as S3 does', async () => {
    const wanted = configuration(
      calls(['s3:ObjectCreated:*', 's3:ObjectRemoved:Delete'], { prefix: 'in/', suffix: '.jpg' }),
    )
    expect(await send('PUT', '/photos?notification', wanted)).toMatchObject({ status: 200 })
    await send('PUT', '/photos/in/a%20b+%C3%A4.jpg', 'picture')
    await send('PUT', '/photos/in/a.txt', 'text')
    await send('PUT', '/photos/out/a.jpg', 'picture')
    await send('DELETE', '/photos/in/missing.jpg')
    await send('DELETE', '/photos/in/a%20b+%C3%A4.jpg')
    expect(parts.told.map(({ functionName }) => functionName)).toEqual(['thumbs', 'thumbs'])
    const [created, removed] = parts.told.map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)).Records[0])
    expect(created).toMatchObject({
      ...{ eventVersion: '2.1', eventSource: 'aws:s3', awsRegion: 'us-east-1', eventName: 'ObjectCreated:Put' },
      eventTime: '2026-01-15T00:00:00.000Z',
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      s3: {
        s3SchemaVersion: '1.0',
        bucket: { name: 'photos', arn: 'arn:aws:s3:::photos', ownerIdentity: { principalId: accountId } },
        object: { key: 'in/a+b%2B%C3%A4.jpg', size: 7, eTag: expect.stringMatching(/^[0-9a-f]{32}$/) },
      },
    })
    expect(removed).toMatchObject({ eventName: 'ObjectRemoved:Delete', s3: { object: { key: 'in/a+b%2B%C3%A4.jpg' } } })
  })

  it('are shown as they were given, and taken away with their bucket', async () => {
    await send('PUT', '/photos?notification', configuration(calls(['s3:ObjectCreated:Put'], { prefix: 'in/' })))
    const { text } = await send('GET', '/photos?notification')
    expect(text).toContain(`<CloudFunction>${thumbs}</CloudFunction><Event>s3:ObjectCreated:Put</Event>`)
    expect(text).toContain('<FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule>')
    await send('DELETE', '/photos')
    await send('PUT', '/photos')
    expect((await send('GET', '/photos?notification')).text).not.toContain('CloudFunction')
    await send('PUT', '/photos?notification', configuration(calls(['s3:ObjectCreated:Put'])))
    await send('PUT', '/photos?notification', configuration())
    await send('PUT', '/photos/in/a', 'x')
    expect(parts.told).toEqual([])
  })

  it('reach the event bus when it is wanted', async () => {
    await send('PUT', '/photos?notification', configuration('<EventBridgeConfiguration/>'))
    await send('PUT', '/photos/a', 'x')
    await send('DELETE', '/photos/a')
    expect(parts.published.map((event) => event['detail-type'])).toEqual(['Object Created', 'Object Deleted'])
    expect(parts.published[0]).toMatchObject({
      source: 'aws.s3',
      detail: { bucket: { name: 'photos' }, object: { key: 'a', size: 1 } },
    })
  })

  it('that cannot be told make the change fail for the caller, who makes it again', async () => {
    await send('PUT', '/photos?notification', configuration(calls(['s3:ObjectCreated:*'])))
    parts.answers.accept = false
    expect(await send('PUT', '/photos/a', 'x')).toMatchObject({ status: 503, code: 'ServiceUnavailable' })
    parts.answers.accept = true
    expect(await send('PUT', '/photos/a', 'x')).toMatchObject({ status: 200 })
    expect(parts.told).toHaveLength(1)
  })

  it('reach queues and topics, which are told at once that they will be', async () => {
    const policy = (service: string) =>
      JSON.stringify({
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: service },
            Action: 'sns:Publish',
            Resource: topicArn,
            Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:s3:::photos' } },
          },
        ],
      })
    const topic: Topic = {
      ...{
        kind: 'topic',
        accountId: id,
        name: 'pictures',
        displayName: '',
        createdAtMs: 0,
        tags: {},
        subscriptions: [],
      },
      policy: policy('s3.amazonaws.com'),
    }
    parts.triggers.store.put(triggerKeys.topic(id, 'pictures'), topic)
    const body = configuration(tells('Queue', queue), tells('Topic', topicArn, 's3:ObjectRemoved:*'))
    expect(await send('PUT', '/photos?notification', body)).toMatchObject({ status: 200 })
    expect(parts.notices.map(({ targetArn, payload }) => [targetArn, JSON.parse(payload).Event])).toEqual([
      [queue, 's3:TestEvent'],
      [topicArn, 's3:TestEvent'],
    ])
    const { text } = await send('GET', '/photos?notification')
    expect(text).toContain(`<QueueConfiguration><Id>Queue</Id><Queue>${queue}</Queue>`)
    expect(text).toContain(`<TopicConfiguration><Id>Topic</Id><Topic>${topicArn}</Topic>`)
    await send('PUT', '/photos/a', 'x')
    await send('DELETE', '/photos/a')
    const told = parts.notices.slice(2).map(({ targetArn, payload }) => [targetArn, JSON.parse(payload).Records[0]])
    expect(told).toMatchObject([
      [queue, { eventName: 'ObjectCreated:Put', s3: { configurationId: 'Queue', object: { key: 'a' } } }],
      [topicArn, { eventName: 'ObjectRemoved:Delete', s3: { configurationId: 'Topic' } }],
    ])
    // Another bucket, and a topic that lets somebody else publish.
    expect(await send('PUT', '/other?notification', body)).toMatchObject({ code: 'InvalidArgument' })
    parts.triggers.store.put(triggerKeys.topic(id, 'pictures'), { ...topic, policy: policy('events.amazonaws.com') })
    expect(await send('PUT', '/photos?notification', body)).toMatchObject({ code: 'InvalidArgument' })
    await send('PUT', '/photos/b', 'x')
    await send('DELETE', '/photos/b')
    expect(parts.notices.slice(4).map(({ targetArn }) => targetArn)).toEqual([queue])
    parts.answers.accept = false
    expect(await send('PUT', '/photos/c', 'x')).toMatchObject({ status: 503 })
  })

  const created = ['s3:ObjectCreated:*']
  it.each([
    ['/photos', 'no xml', 'MalformedXML'],
    ['/photos', '<NotificationConfiguration>', 'MalformedXML'],
    ['/photos', '<Other/>', 'MalformedXML'],
    [
      '/photos',
      '<!DOCTYPE a [<!ENTITY b "c">]><NotificationConfiguration>&b;</NotificationConfiguration>',
      'MalformedXML',
    ],
    [
      '/photos',
      configuration('<CloudFunctionConfiguration><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>'),
      'MalformedXML',
    ],
    ['/photos', configuration(calls([])), 'MalformedXML'],
    ['/photos', configuration(calls(['s3:ObjectRestore:*'])), 'InvalidArgument'],
    ['/photos', configuration(calls(created, { infix: 'a' })), 'InvalidArgument'],
    ['/photos', configuration(calls(created, {}, `${thumbs}x`)), 'InvalidArgument'],
    [
      '/photos',
      configuration(calls(created, {}, 'arn:aws:lambda:us-east-1:000000000000:function:thumbs')),
      'InvalidArgument',
    ],
    ['/other', configuration(calls(created)), 'InvalidArgument'],
    [
      '/photos',
      configuration(calls(created, { prefix: 'a' }), calls(['s3:ObjectCreated:Put'], { prefix: 'ab' })),
      'InvalidArgument',
    ],
    ['/photos', configuration(tells('Queue', 'arn:aws:sqs:us-east-1:1:q')), 'InvalidArgument'],
    ['/photos', configuration(tells('Topic', topicArn)), 'InvalidArgument'],
    ['/photos', configuration(tells('Topic', queue)), 'InvalidArgument'],
    ['/photos', configuration(tells('Queue', topicArn)), 'InvalidArgument'],
    ['/photos', configuration(tells('Queue', queue.replace(accountId, '000000000000'))), 'InvalidArgument'],
    ['/photos', configuration(tells('Queue', queue), calls(created)), 'InvalidArgument'],
    ['/missing', configuration(), 'NoSuchBucket'],
  ])('%s refuses %s', async (bucket, body, code) => {
    expect(await send('PUT', `${bucket}?notification`, body)).toMatchObject({ code })
  })
})
