import { buckets, err } from '@weft/contracts'
import type { InvocationBook, TrackedInvocation } from '@weft/delivery'
import { type Clock, systemClock } from '@weft/platform'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

const newline = 0x0a

/** Tracked invocations in a bucket: a line of JSON, and behind it the answer as it is. */
export function openInvocationBook(link: NatsLink, clock: Clock = systemClock): InvocationBook {
  const bucket = buckets.invocations
  const keyOf = (account: string, requestId: string): string => `${account}.${requestId}`
  const read: InvocationBook['read'] = async (account, requestId) => {
    const entry = await readEntry(link, bucket, keyOf(account, requestId))
    if (!entry?.value) return undefined
    const cut = entry.value.indexOf(newline)
    const invocation = JSON.parse(new TextDecoder().decode(entry.value.subarray(0, cut))) as TrackedInvocation
    const answer = entry.value.subarray(cut + 1)
    return { invocation, revision: entry.revision, ...(answer.length > 0 && { answer }) }
  }
  return {
    read,
    async write(before, invocation, answer) {
      const key = keyOf(invocation.accountId, invocation.requestId)
      const line = new TextEncoder().encode(`${JSON.stringify(invocation)}\n`)
      const value = answer ? Buffer.concat([line, answer]) : line
      if (before) return writeEntry(link, clock, bucket, key, value, before.revision)
      // One that was removed has a revision that the next write must name.
      const entry = await readEntry(link, bucket, key)
      if (entry?.value) return err('conflict')
      return writeEntry(link, clock, bucket, key, value, entry?.revision ?? neverWritten)
    },
    remove: ({ invocation, revision }) =>
      writeEntry(link, clock, bucket, keyOf(invocation.accountId, invocation.requestId), undefined, revision),
  }
}
