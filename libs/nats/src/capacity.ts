import { type CapacityAnnouncement, subjects } from '@weft/contracts'
import type { Logger } from '@weft/platform'
import type { NatsLink } from './link.ts'

/** Tells what a leader of placement has. Not kept: without a connection there is nothing to make up for, a second later it tells anew. */
export const capacityAnnouncer =
  (link: NatsLink) =>
  (partition: number, announcement: CapacityAnnouncement): void => {
    if (link.problems().length > 0) return
    link.connection.publish(subjects.capacity(partition), JSON.stringify(announcement))
  }

/** Hears what the leaders tell, from now on, until it is disposed. */
export function watchCapacity(
  link: NatsLink,
  log: Logger,
  take: (partition: string, announcement: CapacityAnnouncement) => void,
): Disposable {
  const subscription = link.connection.subscribe(subjects.capacityAll, {
    callback: (error, message) => {
      if (error) return log.warn({ err: error }, 'capacity cannot be heard')
      take(message.subject.split('.')[2] ?? '', message.json<CapacityAnnouncement>())
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}
