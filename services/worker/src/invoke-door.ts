import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import type { Channel } from '@weft/platform'
import type { Fleet } from './fleet.ts'

/** The invoke door: dispatchers that hold leases send invocations here and get their results, in any order. */
export class InvokeDoor {
  readonly #fleet: Fleet
  readonly #channels = new Set<Channel<RunFrame, ResultFrame>>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** A result for a dispatcher that has gone is dropped; what runs is left to finish, as on AWS. */
  accept(channel: Channel<RunFrame, ResultFrame>): void {
    this.#channels.add(channel)
    void channel.closed.then(() => this.#channels.delete(channel))
    channel.receive(({ frame }) => {
      if (frame?.$case !== 'invoke') return
      this.#fleet.run(frame.value, (result) => channel.send({ frame: { $case: 'result', value: result } }))
    })
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }
}
