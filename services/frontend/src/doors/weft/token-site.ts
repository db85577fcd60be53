import { awsError, err, ok } from '@weft/contracts'
import type { Logger } from '@weft/platform'
import { byToken } from '../../identity/bearer-token.ts'
import type { Credentials } from '../../identity/credentials.ts'
import type { AwsDoor, Principal, SiteDoor } from '../door.ts'

export interface TokenSiteDeps {
  readonly doors: readonly AwsDoor[]
  readonly credentials: Pick<Credentials, 'authenticate'>
  /** Told of each key that was used. */
  readonly used: (principal: Principal, service: string) => void
  readonly log: Logger
}

/**
 * The doors that take callers who tell their secret in the `authorization` header instead of signing: programs that send
 * what others configure (webhooks) can do no more.
 */
export const tokenSite = ({ doors, credentials, used, log }: TokenSiteDeps): SiteDoor => ({
  admit(head) {
    const token = head.headers.authorization
    if (token === undefined || !/^bearer /i.test(token)) return undefined
    const door = doors.find(({ tokenPath }) => tokenPath !== undefined && head.rawPath.startsWith(tokenPath))
    if (!door) return undefined
    const principal = byToken(token, credentials)
    if (!principal.ok) return err(door.refuse(principal.error, head))
    used(principal.value, door.service)
    return ok({
      bodyLimit: door.bodyLimit(head),
      refuse: (error) => door.refuse(error, head),
      async handle(body, signal) {
        try {
          return await door.handle({ ...head, body, signal, principal: principal.value })
        } catch (error) {
          log.error({ err: error, requestId: head.requestId, service: door.service }, 'request failed')
          return door.refuse(awsError('ServiceException', 'Internal service error.'), head)
        }
      },
    })
  },
})
