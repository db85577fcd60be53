import { claimedService, type KeyLookup, openSignature, type SigningKeys } from '@weft/aws'
import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { type Clock, type Logger, withSpan } from '@weft/platform'
import type { Admitted, AwsDoor, DoorHead, DoorResponse, Principal } from '../doors/door.ts'
import type { CredentialOwner } from '../identity/credentials.ts'

export interface GateOptions {
  readonly region: string
  /** The first words refusals of requests that name no service. */
  readonly doors: readonly AwsDoor[]
  readonly lookup: KeyLookup<CredentialOwner>
  readonly signingKeys: SigningKeys
  /** Told of every request that a key has signed. */
  readonly used: (principal: Principal, service: string) => void
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** Their endpoints are the same for every region, so clients sign for the first. */
const globalServices = ['iam', 'sts']

/** Chooses the door of a request by the service its signature names, and lets through only what that signature covers. */
export class Gate {
  readonly #options: GateOptions
  readonly #byService: ReadonlyMap<string, AwsDoor>
  readonly #services: readonly string[]

  constructor(options: GateOptions) {
    this.#options = options
    this.#byService = new Map(options.doors.map((door) => [door.service, door]))
    this.#services = [...this.#byService.keys()]
  }

  admit(head: DoorHead): Result<Admitted, DoorResponse> {
    const { lookup, clock, region, signingKeys } = this.#options
    const door = this.#doorOf(head)
    const opened = openSignature(head, lookup, clock.now(), {
      region,
      services: this.#services,
      globalServices,
      signingKeys,
    })
    if (!opened.ok) return err(door.refuse(opened.error, head))
    return ok({
      bodyLimit: door.bodyLimit(head),
      refuse: (error) => door.refuse(error, head),
      handle: async (body, signal) => {
        const verified = opened.value.verify(body)
        if (!verified.ok) return door.refuse(verified.error, head)
        const { principal } = verified.value.owner
        this.#options.used(principal, door.service)
        try {
          const request = { ...head, body, signal, principal }
          const attributes = { 'http.request.method': head.method, 'weft.request_id': head.requestId }
          const options = { kind: 'server', parent: head.headers.traceparent, attributes } as const
          return await withSpan(`http ${door.service}`, options, async (span) => {
            const response = await door.handle(request)
            span.set({ 'http.response.status_code': response.status })
            if (response.status >= 500) span.fail(`HTTP ${response.status}`)
            return response
          })
        } catch (error) {
          this.#options.log.error({ err: error, requestId: head.requestId, service: door.service }, 'request failed')
          return door.refuse(awsError('ServiceException', 'Internal service error.'), head)
        }
      },
    })
  }

  /** Words a refusal of something that no door has seen. */
  refuse(error: AwsError, head: DoorHead): DoorResponse {
    return this.#doorOf(head).refuse(error, head)
  }

  #doorOf(head: DoorHead): AwsDoor {
    const claimed = this.#byService.get(claimedService(head) ?? '')
    const first = claimed ?? this.#options.doors[0]
    if (!first) throw new Error('the gate has no doors')
    return first
  }
}
