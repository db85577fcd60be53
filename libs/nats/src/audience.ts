import type { Member } from '@weft/contracts'
import type { Clock, Logger, Timer } from '@weft/platform'
import type { NatsCatalogue } from './catalogue.ts'
import type { NatsLink } from './link.ts'
import { announce, type Members } from './members.ts'

/** Who looks into the catalogue, and how far each of them is. */
export interface Audience extends AsyncDisposable {
  /**
   * Whether every living member of this one's service knows of the changes of functions up to the revision. One that has died
   * or is cut off counts until it has been silent for `memberTtlMs`.
   */
  seenByAll(revision: number): boolean
}

export interface AudienceOptions {
  readonly self: Member
  readonly catalogue: Pick<NatsCatalogue, 'seenRevision' | 'onSeen'>
  readonly members: Pick<Members, 'list'>
  readonly clock: Clock
  readonly log: Logger
}

/** What is told together: a thousand changes in a row are some twenty words a second. */
const gatherMs = 50

/** Joins the audience: tells the others how far this process is, as it goes on. Open it when the catalogue is ready. */
export function openAudience(link: NatsLink, options: AudienceOptions): Audience {
  const { self, catalogue, members, clock, log } = options
  const now = (): Member => ({
    ...self,
    catalogueRevision: catalogue.seenRevision(),
    accountsRevision: catalogue.seenRevision('accounts'),
  })
  const announcement = announce(link, now, { log, clock })
  let timer: Timer | undefined
  const forget = catalogue.onSeen(() => {
    timer ??= clock.schedule(gatherMs, () => {
      timer = undefined
      announcement.again()
    })
  })
  return {
    seenByAll: (revision) =>
      catalogue.seenRevision() >= revision &&
      members
        .list(self.service)
        .every(
          ({ instanceId, catalogueRevision: theirs }) => instanceId === self.instanceId || (theirs ?? 0) >= revision,
        ),
    async [Symbol.asyncDispose]() {
      forget()
      timer?.cancel()
      await announcement[Symbol.asyncDispose]()
    },
  }
}

/**
 * Resolves to true when every living frontend knows of the changes of accounts up to the revision, to false when some have
 * not told so within `withinMs`.
 */
export function accountsSeenByAll(
  members: Pick<Members, 'list' | 'onChange'>,
  revision: number,
  clock: Clock,
  withinMs: number,
): Promise<boolean> {
  const isSeen = (): boolean =>
    members.list('frontend').every(({ accountsRevision }) => (accountsRevision ?? 0) >= revision)
  return new Promise((resolve) => {
    const end = (seen: boolean): void => {
      timer.cancel()
      forget()
      resolve(seen)
    }
    const timer = clock.schedule(withinMs, () => end(false))
    const forget = members.onChange(() => {
      if (isSeen()) end(true)
    })
    if (isSeen()) end(true)
  })
}
