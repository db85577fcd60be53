import { buckets, type Member } from '@weft/contracts'
import { type Clock, type Logger, systemClock, type Timer } from '@weft/platform'
import { watchBucket } from './buckets/bucket-watch.ts'
import { memberTtlMs } from './fabric.ts'
import type { NatsLink } from './link.ts'

const beatMs = memberTtlMs / 3

export interface Announcement extends AsyncDisposable {
  /** Says now what there is to say. */
  again(): void
}

/**
 * Tells the others that this instance lives, until disposed. A beat that fails is told in the log and made up for by
 * the next one; whether the bus is there at all, the link's own problems say.
 */
export function announce(
  link: NatsLink,
  member: Member | (() => Member),
  options: { log: Logger; clock?: Clock },
): Announcement {
  const clock = options.clock ?? systemClock
  const now = typeof member === 'function' ? member : () => member
  const { service, instanceId } = now()
  const subject = `$KV.${buckets.members}.${service}.${token(instanceId)}`
  let timer: Timer | undefined
  let stopped = false
  let beating: Promise<unknown> = Promise.resolve()
  const beat = (): void => {
    if (stopped) return
    beating = link.js.publish(subject, JSON.stringify(now())).catch((error: unknown) => {
      options.log.warn({ err: error }, 'this instance could not announce itself')
    })
    timer = clock.schedule(beatMs, beat)
  }
  beat()
  const again = (): void => {
    timer?.cancel()
    beat()
  }
  // Where servers hold the bucket in memory it is empty after a restart of all.
  const unsubscribe = link.onReconnect(again)
  return {
    again,
    async [Symbol.asyncDispose]() {
      stopped = true
      timer?.cancel()
      unsubscribe()
      await beating
    },
  }
}

export interface Members extends AsyncDisposable {
  readonly whenReady: Promise<void>
  /** Those alive, in order of instance id. */
  list(service?: string): readonly Member[]
  /** Called when one comes, goes or says something new. Returns the unsubscribe. */
  onChange(listener: () => void): () => void
  problems(): readonly string[]
}

/** Follows who is alive. One that has been silent for `memberTtlMs` of this process's own time is gone. */
export function watchMembers(link: NatsLink, options: { log: Logger; clock?: Clock }): Members {
  const clock = options.clock ?? systemClock
  const alive = new Map<string, { readonly text: string; readonly member: Member; readonly expiry: Timer }>()
  const listeners = new Set<() => void>()
  const tell = (): void => {
    for (const listener of [...listeners]) listener()
  }
  const remove = (key: string): void => {
    alive.get(key)?.expiry.cancel()
    if (alive.delete(key)) tell()
  }
  const watch = watchBucket({
    link,
    clock,
    log: options.log,
    bucket: buckets.members,
    onEntry(key, value) {
      if (!value) return remove(key)
      const text = new TextDecoder().decode(value)
      const known = alive.get(key)
      known?.expiry.cancel()
      const expiry = clock.schedule(memberTtlMs, () => remove(key))
      alive.set(key, { text, member: JSON.parse(text) as Member, expiry })
      if (known?.text !== text) tell()
    },
  })
  return {
    whenReady: watch.whenReady,
    list: (service) =>
      [...alive.values()]
        .map(({ member }) => member)
        .filter((member) => service === undefined || member.service === service)
        .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1)),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    problems: () => watch.problems(),
    async [Symbol.asyncDispose]() {
      for (const { expiry } of alive.values()) expiry.cancel()
      await watch[Symbol.asyncDispose]()
    },
  }
}

const token = (instanceId: string): string => {
  if (!/^[\w-]+$/.test(instanceId)) throw new TypeError(`not an instance id: ${JSON.stringify(instanceId)}`)
  return instanceId
}
