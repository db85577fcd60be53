import { accountId, err, functionName, ok } from '@weft/contracts'
import { expect, it } from 'vitest'
import { type BucketWriter, bucketTargets } from './bucket-targets.ts'

const message = {
  ...{ accountId: accountId('000000000000'), functionName: functionName('f'), headers: {}, messageId: 'm' },
  payload: new TextEncoder().encode('{}'),
}
const arn = 'arn:aws:s3:::lost'
const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function world(answer: BucketWriter['put'] = async () => ok(undefined)) {
  const keys: string[] = []
  const put: BucketWriter['put'] = async (account, bucket, key, body, headers) => {
    keys.push(`${bucket} ${key}`)
    return answer(account, bucket, key, body, headers)
  }
  return { keys, targets: bucketTargets({ put }, () => at) }
}

it('puts a record under the key that AWS gives it, the same for every try', async () => {
  const { keys, targets } = world()
  await targets.send(arn, message)
  await targets.send(arn, message)
  await targets.send(arn, { ...message, objectPrefix: 'aws/lambda/MAPPING/shardId-1' })
  const uuid = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
  expect(keys[0]).toMatch(new RegExp(`^lost aws/lambda/async/f/2026/01/02/2026-01-02T03\\.04\\.05-${uuid}$`))
  expect(keys[1]).toBe(keys[0])
  expect(keys[2]).toMatch(/^lost aws\/lambda\/MAPPING\/shardId-1\/2026\/01\/02\/2026-01-02T03\.04\.05-/)
})

it('tries again when the bucket or the store is away, and never what is no bucket', async () => {
  const missing = world(async () => err('no-bucket'))
  expect(await missing.targets.send(arn, message)).toEqual(err({ reason: 'bucket lost: no-bucket', permanent: false }))
  const full = world(() => Promise.reject(new Error('an object cannot be stored: store-full')))
  expect(await full.targets.send(arn, message)).toMatchObject({ ok: false, error: { permanent: false } })
  for (const bad of ['arn:aws:s3:::lost/key', 'arn:aws:s3:::', 'arn:aws:s3:::Lost', 'arn:aws:s3:us-east-1::lost'])
    expect(await missing.targets.send(bad, message)).toMatchObject({ ok: false, error: { permanent: true } })
})
