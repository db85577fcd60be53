import { JetStreamApiError, StorageType } from '@nats-io/jetstream'
import type { NatsLink } from '@weft/nats'
import { DemoFailure } from './failure.ts'
import { type PackageRecord, packageSubject } from './packages/package-record.ts'

export const packageStream = 'packages'
const everySubject = `${packageStream}.>`

export interface Published {
  readonly published: number
  /** Were on the stream already. */
  readonly known: number
  /** Records on the stream, those of earlier starts included. */
  readonly total: number
}

/** JetStream's codes: the subject has a message already; there is no such stream. */
const wrongLastSequence = 10_071
const streamNotFound = 10_059
/** Publishes without an answer yet; more gain nothing on one connection. */
const inFlight = 64
const attempts = 5

/** Puts each package on the account's stream once, however often this runs. */
export async function publishPackages(link: NatsLink, records: readonly PackageRecord[]): Promise<Published> {
  await ensureStream(link)
  const present = await subjectsOf(link)
  const fresh = records.filter((record) => !present.has(packageSubject(record)))
  let next = 0
  const publisher = async (): Promise<void> => {
    for (let record = fresh[next++]; record; record = fresh[next++]) await publishOnce(link, record)
  }
  await Promise.all(Array.from({ length: inFlight }, publisher))
  return {
    published: fresh.length,
    known: records.length - fresh.length,
    total: present.size + fresh.length,
  }
}

const isApiError = (error: unknown, code: number): boolean => error instanceof JetStreamApiError && error.code === code

async function ensureStream({ jsm }: NatsLink): Promise<void> {
  try {
    await jsm.streams.info(packageStream)
  } catch (error) {
    if (!isApiError(error, streamNotFound)) throw error
    await jsm.streams.add({ name: packageStream, subjects: [everySubject], storage: StorageType.File })
  }
}

async function subjectsOf({ jsm }: NatsLink): Promise<Set<string>> {
  const { state } = await jsm.streams.info(packageStream, { subjects_filter: everySubject })
  return new Set(Object.keys(state.subjects ?? {}))
}

/**
 * A publish whose acknowledgement is lost may be stored all the same. Expecting an empty subject makes the repetition
 * harmless: it is refused when the first one arrived.
 */
async function publishOnce({ js }: NatsLink, record: PackageRecord): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await js.publish(packageSubject(record), JSON.stringify(record), { expect: { lastSubjectSequence: 0 } })
      return
    } catch (error) {
      if (isApiError(error, wrongLastSequence)) return
      if (attempt === attempts || error instanceof JetStreamApiError)
        throw new DemoFailure(`the stream ${packageStream} took no record: ${(error as Error).message}`)
    }
  }
}
