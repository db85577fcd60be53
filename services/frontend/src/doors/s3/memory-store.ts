import { createHash } from 'node:crypto'
import { type AccountId, err, ok } from '@weft/contracts'
import type { ObjectInfo, ObjectStore } from '@weft/nats'

/** An object store for tests that keeps everything in memory. */
export function memoryObjectStore(now: () => number): ObjectStore {
  const buckets = new Map<string, { createdAtMs: number; objects: Map<string, { info: ObjectInfo; body: Buffer }> }>()
  const find = (account: AccountId, bucket: string) => buckets.get(`${account}/${bucket}`)
  return {
    async createBucket(account, bucket) {
      if (find(account, bucket)) return err('exists')
      buckets.set(`${account}/${bucket}`, { createdAtMs: now(), objects: new Map() })
      return ok(undefined)
    },
    bucketCreatedAtMs: async (account, bucket) => find(account, bucket)?.createdAtMs,
    buckets: async (account) =>
      [...buckets]
        .filter(([key]) => key.startsWith(`${account}/`))
        .map(([key, { createdAtMs }]) => ({ name: key.slice(account.length + 1), createdAtMs })),
    async deleteBucket(account, bucket) {
      const found = find(account, bucket)
      if (!found) return err('missing')
      if (found.objects.size > 0) return err('not-empty')
      buckets.delete(`${account}/${bucket}`)
      return ok(undefined)
    },
    async put(account, bucket, key, body, headers, condition) {
      const found = find(account, bucket)
      if (!found) return err('no-bucket')
      const before = found.objects.get(key)
      if (condition?.kind === 'absent' && before) return err('condition-failed')
      if (condition?.kind === 'matches' && before?.info.md5 !== condition.md5) return err('condition-failed')
      const md5 = createHash('md5').update(body).digest('hex')
      const info = { key, sizeBytes: body.byteLength, md5, lastModifiedMs: now(), headers }
      found.objects.set(key, { info, body: Buffer.from(body) })
      return ok(info)
    },
    info: async (account, bucket, key) => find(account, bucket)?.objects.get(key)?.info,
    async open(account, bucket, key, rangeOf) {
      const found = find(account, bucket)?.objects.get(key)
      if (!found) return undefined
      const range = rangeOf?.(found.info)
      const body = range ? found.body.subarray(range.first, range.last + 1) : found.body
      return {
        info: found.info,
        body: (async function* () {
          yield body
        })(),
      }
    },
    async remove(account, bucket, key) {
      find(account, bucket)?.objects.delete(key)
    },
    list: async (account, bucket) =>
      [...(find(account, bucket)?.objects.values() ?? [])]
        .map(({ info }) => info)
        .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))),
  }
}
