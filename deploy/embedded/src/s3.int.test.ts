import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-s3-'))
const path = (name: string): string => join(dir, name)
const large = 20 * 1024 * 1024
let fabric: TestFabric
let cli: ReturnType<typeof awsCli>

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  cli = awsCli(fabric, dir)
  mkdirSync(path('tree/sub'), { recursive: true })
  writeFileSync(path('tree/large'), randomBytes(large))
  writeFileSync(path('tree/sub/small ä+.txt'), 'small')
  await s3('mb', 's3://files')
  await s3('mb', 's3://others')
  await s3('cp', path('tree/large'), 's3://files/large', '--content-type', 'text/x', '--metadata', 'colour=red')
})
afterAll(async () => {
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

/** `aws s3 …`, whose output is no JSON. */
const s3 = (...args: string[]): Promise<string> => cli.text('s3', ...args)
const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

test('aws s3 cp uploads 20 MB in parts, copies them within the store, and brings them back the same', async () => {
  const head = await cli.aws('s3api', 'head-object', '--bucket', 'files', '--key', 'large')
  expect(head).toMatchObject({ ContentLength: large, ContentType: 'text/x', Metadata: { colour: 'red' } })
  expect(head.ETag).toMatch(/^"[0-9a-f]{32}-3"$/)
  await s3('cp', 's3://files/large', 's3://others/copy')
  await s3('mv', 's3://others/copy', 's3://others/moved')
  await s3('cp', 's3://others/moved', path('back'))
  expect(digest(path('back'))).toBe(digest(path('tree/large')))
  expect(await cli.aws('s3api', 'head-object', '--bucket', 'others', '--key', 'moved')).toMatchObject({
    ...{ ContentType: 'text/x', Metadata: { colour: 'red' } },
  })
  const range = ['--range', 'bytes=8388600-8388615']
  await cli.aws('s3api', 'get-object', '--bucket', 'files', '--key', 'large', ...range, path('part'))
  expect(readFileSync(path('part')).equals(readFileSync(path('tree/large')).subarray(8_388_600, 8_388_616))).toBe(true)
})

test('aws s3 sync, ls and rm see trees of files', async () => {
  expect(await s3('sync', path('tree'), 's3://others/tree')).toContain('small ä+.txt')
  // Nothing has changed: nothing is sent again.
  expect(await s3('sync', path('tree'), 's3://others/tree')).toBe('')
  await s3('sync', 's3://others/tree', path('mirror'))
  expect(readFileSync(path('mirror/sub/small ä+.txt'), 'utf8')).toBe('small')
  expect(digest(path('mirror/large'))).toBe(digest(path('tree/large')))
  expect(await s3('ls', 's3://others', '--recursive')).toMatch(/20971520 tree\/large\n.* 5 tree\/sub\/small ä\+\.txt/)
  await s3('rm', 's3://others', '--recursive')
  expect(await s3('ls', 's3://others').catch(() => '')).toBe('')
})

test('s3api deletes many keys at once and handles uploads one by one', async () => {
  for (const key of ['a', 'b']) await cli.aws('s3api', 'put-object', '--bucket', 'files', '--key', key)
  const keys = JSON.stringify({ Objects: [{ Key: 'a' }, { Key: 'b' }, { Key: 'none' }] })
  const removed = await cli.aws('s3api', 'delete-objects', '--bucket', 'files', '--delete', keys)
  expect(removed.Deleted.map(({ Key }: { Key: string }) => Key)).toEqual(['a', 'b', 'none'])
  const where = ['--bucket', 'files', '--key', 'up']
  const { UploadId } = await cli.aws('s3api', 'create-multipart-upload', ...where)
  const of = [...where, '--upload-id', UploadId]
  const part = path('tree/sub/small ä+.txt')
  const { ETag } = await cli.aws('s3api', 'upload-part', ...of, '--part-number', '1', '--body', part)
  expect(await cli.aws('s3api', 'list-parts', ...of)).toMatchObject({ Parts: [{ PartNumber: 1, ETag, Size: 5 }] })
  expect(await cli.aws('s3api', 'list-multipart-uploads', '--bucket', 'files')).toMatchObject({
    Uploads: [{ UploadId, Key: 'up' }],
  })
  await cli.aws('s3api', 'abort-multipart-upload', ...of)
  expect(await cli.refused('s3api', 'list-parts', ...of)).toContain('NoSuchUpload')
})

test('a presigned URL takes an object without keys, and a body of 10 GB is refused before it is sent', async () => {
  const url = new URL((await s3('presign', 's3://files/large')).trim())
  const got = await fetch(url)
  expect(
    createHash('sha256')
      .update(Buffer.from(await got.arrayBuffer()))
      .digest('hex'),
  ).toBe(digest(path('tree/large')))
  const { http, accessKeyId, secretAccessKey } = fabric.connection
  const args = ['-c', presignPut, http, accessKeyId, secretAccessKey]
  const put = new URL((await cli.python(...args)).trim())
  expect((await fetch(put, { method: 'PUT', body: 'signed' })).status).toBe(200)
  expect((await fetch(put, { method: 'PUT', body: 'signed' })).status).toBe(200)
  await s3('cp', 's3://files/presigned', path('presigned'))
  expect(readFileSync(path('presigned'), 'utf8')).toBe('signed')
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const headers = { 'content-length': 10 * 1024 ** 3, expect: '100-continue' }
    const call = request(put, { method: 'PUT', headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    call.on('continue', () => reject(new Error('the body was asked for')))
    call.on('error', reject)
    call.flushHeaders()
  })
  expect(answer.status).toBe(400)
  expect(answer.body).toContain('<Code>EntityTooLarge</Code>')
  expect(answer.body).toContain('Upload larger objects in parts.')
})

/** What the SDKs of AWS do; the CLI signs URLs for reading alone. */
const presignPut = `
import sys
sys.path.insert(0, '/usr/lib/python3/dist-packages/awscli')
from awscli.botocore.session import Session
url, key, secret = sys.argv[1:]
s3 = Session().create_client('s3', region_name='us-east-1', endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret)
print(s3.generate_presigned_url('put_object', Params={'Bucket': 'files', 'Key': 'presigned'}))
`
